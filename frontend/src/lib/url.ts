import type { ResumePoint } from './cursor'
import { splitNames } from './channels'
import type { Credential } from './options'

/** What goes into the address of one attempt. @internal */
export interface UrlParts {
  credential?: Credential
  tokenIn: 'url' | 'protocol'
  /** Ask for dialect v1; a server that does not know it ignores the parameter. */
  v1: boolean
  /** The server is known to speak it, so that what does not fit can go as a frame. */
  knowsV1: boolean
  channels?: readonly string[] | undefined
  resume?: ResumePoint | undefined
}

/** Where to dial, with what. @internal */
export interface Attempt {
  url: string
  protocols: string[]
  /** Frames that go out before all else: what does not fit into the address. */
  first: object[]
  /** The channels that are asked for so; undefined: the server's choice. */
  channels: readonly string[] | undefined
}

/** What may stand in a subprotocol (RFC 9110, token). */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/
/** Bytes: what stands between may take no more than 8 KiB, and adds to it. */
const LONGEST_URL = 2048

/**
 * Builds the address and the subprotocols of one attempt; throws on a URL that is none.
 * The result holds the token: never log it.
 */
export function connectionUrl(url: string, baseUrl: string | undefined, parts: UrlParts): Attempt {
  const { credential, resume, v1, channels } = parts
  const result = new URL(url, baseUrl)
  result.protocol = result.protocol.replace('http', 'ws')
  result.hash = ''
  const query = result.searchParams
  const protocols: string[] = []
  if (credential) {
    if (typeof credential !== 'string') query.set('ticket', credential.ticket)
    else if (parts.tokenIn === 'url') query.set('token', credential)
    else protocols.push(v1 ? 'apier.v1' : 'apier.plain', bearer(credential))
  }
  if (v1) query.set('v', '1')
  if (channels) query.set('channels', channels.join(','))
  if (v1 && resume) {
    query.set('session', resume.session)
    query.set('after', String(resume.after))
  }
  return bounded(result, protocols, parts)
}

/** Takes out of an address what makes it too long. */
function bounded(url: URL, protocols: string[], { channels, resume, knowsV1 }: UrlParts): Attempt {
  const query = url.searchParams
  const isTooLong = () => url.href.length > LONGEST_URL
  const attempt: Attempt = { url: url.href, protocols, first: [], channels }
  if (!channels?.length || !isTooLong()) return attempt
  if (knowsV1) {
    for (const name of ['channels', 'session', 'after']) query.delete(name)
    query.set('resume', 'message')
    return { ...attempt, url: url.href, first: resumeFrames(channels, resume) }
  }
  // What is left out is asked for once the connection is there.
  const kept = channels.slice(0, LONGEST_URL)
  while (kept.length > 0 && isTooLong()) {
    kept.pop()
    query.set('channels', kept.join(','))
  }
  return { ...attempt, url: url.href, channels: kept }
}

function resumeFrames(channels: readonly string[], resume: ResumePoint | undefined): object[] {
  const parts = splitNames(channels)
  return parts.map((names, i) => {
    const rest = i < parts.length - 1 ? { more: true } : resume
    return { type: 'resume', data: { channels: names, ...rest } }
  })
}

/** The subprotocol of a token; one with characters that may not stand there is encoded. */
function bearer(token: string): string {
  if (TOKEN.test(token)) return `bearer.${token}`
  const text = String.fromCharCode(...new TextEncoder().encode(token))
  return `bearer64.${btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')}`
}
