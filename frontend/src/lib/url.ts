/** What goes into the address of one attempt. */
export interface UrlParts {
  token?: string | null | undefined
  /** Ask for dialect v1; a server that does not know it ignores the parameter. */
  v1: boolean
  channels?: readonly string[] | undefined
  resume?: { session: string; after: number } | undefined
}

/** Longer lists of channels are sent as subscribe frames: proxies refuse long addresses. */
const MAX_CHANNELS_LENGTH = 2000

/** Builds the address of one attempt; throws on a URL that is none. The result holds the token: never log it. */
export function connectionUrl(url: string, baseUrl: string | undefined, parts: UrlParts): string {
  const result = new URL(url, baseUrl)
  if (result.protocol === 'http:') result.protocol = 'ws:'
  if (result.protocol === 'https:') result.protocol = 'wss:'
  result.hash = ''
  const query = result.searchParams
  if (parts.token) query.set('token', parts.token)
  if (parts.v1) query.set('v', '1')
  const channels = parts.channels?.join(',')
  if (channels !== undefined && channels.length <= MAX_CHANNELS_LENGTH) query.set('channels', channels)
  if (parts.v1 && parts.resume) {
    query.set('session', parts.resume.session)
    query.set('after', String(parts.resume.after))
  }
  return result.href
}
