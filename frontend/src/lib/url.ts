import type { ResumePoint } from './cursor'
import type { Credential } from './options'

/** What goes into the address of one attempt. @internal */
export interface UrlParts {
  credential?: Credential
  tokenIn: 'url' | 'protocol'
  /** Ask for dialect v1; a server that does not know it ignores the parameter. */
  v1: boolean
  channels?: readonly string[] | undefined
  resume?: ResumePoint | undefined
}

/** What may stand in a subprotocol (RFC 9110, token). */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/

/**
 * Builds the address and the subprotocols of one attempt; throws on a URL that is none.
 * The result holds the token: never log it.
 */
export function connectionUrl(
  url: string,
  baseUrl: string | undefined,
  parts: UrlParts,
): [url: string, protocols: string[]] {
  const { credential, channels, resume } = parts
  const result = new URL(url, baseUrl)
  result.protocol = result.protocol.replace('http', 'ws')
  result.hash = ''
  const query = result.searchParams
  const protocols: string[] = []
  if (credential) {
    if (typeof credential !== 'string') query.set('ticket', credential.ticket)
    else if (parts.tokenIn === 'protocol' && TOKEN.test(credential)) {
      protocols.push('apier.v1', `bearer.${credential}`)
    } else query.set('token', credential)
  }
  if (parts.v1) query.set('v', '1')
  // All of them, however many: what is caught up with is by the channels of the address.
  if (channels) query.set('channels', channels.join(','))
  if (parts.v1 && resume) {
    query.set('session', resume.session)
    query.set('after', String(resume.after))
  }
  return [result.href, protocols]
}
