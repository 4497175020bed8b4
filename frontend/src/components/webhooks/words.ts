import { seconds } from '../../app/format'
import type { Attempt, Delivery } from '../../app/webhooks/types'

/** What went wrong, in the operator's words. */
const kinds: Record<string, string> = {
  dns: 'name not found',
  connect: 'cannot connect',
  tls: 'TLS fails',
  timeout: 'timed out',
  http_4xx: 'refused',
  http_5xx: 'receiver failed',
  blocked: 'address not allowed',
  too_large: 'answer too large',
  redirect: 'redirects',
  protocol: 'no HTTP',
  internal: 'fault of this server',
}

/** What to do about a kind of failure; '': nothing in particular. */
export function adviceFor(kind: string | null): string {
  switch (kind) {
    case 'dns':
      return 'Look for a typing error in the host, and whether its DNS record exists.'
    case 'connect':
      return 'Nothing accepts connections there: is the receiver running, and its port open?'
    case 'tls':
      return 'The certificate is not valid for this host, has ended, or lacks its chain.'
    case 'timeout':
      return 'Answer first and work later, or raise the timeout of the endpoint.'
    case 'http_4xx':
      return 'The receiver refuses: most often the signature check, with the wrong secret or over a changed body.'
    case 'http_5xx':
      return 'The receiver has a fault: its log of this moment says which.'
    case 'blocked':
      return 'The host leads to a private address. To allow that, see --delivery-allow.'
    case 'redirect':
      return 'Redirects are not followed: set the address it points to.'
    case 'internal':
      return 'The fault is on this side, the receiver is not blamed: see the server’s log.'
    default:
      return ''
  }
}

/** The outcome of the latest attempt in a few words: what was answered, and what that means. */
export function outcomeOf(
  x: Pick<Delivery | Attempt, 'status_code' | 'error_kind' | 'error_message'>,
): string {
  const kind = x.error_kind ? (kinds[x.error_kind] ?? x.error_kind) : ''
  const code = x.status_code ? String(x.status_code) : ''
  return [saysStatus(x) ? x.error_message : code, kind].filter(Boolean).join(' · ')
}

/** What the message of an attempt says beyond its outcome; '': nothing. */
export function messageOf(x: Pick<Attempt, 'status_code' | 'error_message'>): string {
  return saysStatus(x) ? '' : (x.error_message ?? '')
}

// Such as "503 Service Unavailable".
function saysStatus(x: Pick<Attempt, 'status_code' | 'error_message'>): boolean {
  return (
    x.status_code !== null && new RegExp(`^${x.status_code}( [A-Za-z' -]+)?$`).test(x.error_message ?? '')
  )
}

/** Whether an error tells something that a reason does not tell already. */
export function addsTo(reason: string | null, error: string | null): boolean {
  return error !== null && error !== '' && !(reason ?? '').includes(error)
}

/** When something is due, counted down. */
export function dueIn(at: string, now: number): string {
  const ms = Date.parse(at) - now
  return ms <= 0 ? 'now' : `in ${seconds(Math.ceil(ms / 1000))}`
}
