import { moment, seconds } from '../../app/format'
import type { Attempt, Delivery, Endpoint } from '../../app/webhooks/types'

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

/** What to do about a failed attempt; '': nothing in particular. A status says more than the kind that it falls under. */
export function adviceFor({ status_code, error_kind }: Pick<Attempt, 'status_code' | 'error_kind'>): string {
  const isAnswer = error_kind === 'http_4xx' || error_kind === 'http_5xx' || error_kind === 'redirect'
  return (isAnswer && adviceForStatus(status_code)) || adviceForKind(error_kind)
}

function adviceForStatus(status: number | null): string {
  switch (status) {
    case 301:
    case 308:
      return 'The address has moved for good: set the one it points to, redirects are not followed.'
    case 304:
      return 'An answer to a question that was not asked: the receiver must answer 2xx to a POST.'
    case 401:
    case 403:
      return 'The signature check or the credentials: look for the wrong secret, a body that was changed on its way, or a missing header.'
    case 404:
      return 'There is nothing at this address: check its path, and whether the receiver was deployed.'
    case 405:
      return 'The address does not take POST: it is most likely that of a page, not of a webhook.'
    case 408:
      return 'The receiver waited too long for the request: a proxy before it may be overloaded.'
    case 409:
      return 'The receiver sees a conflict: it may have had this event before, and should answer 2xx then.'
    case 410:
      return 'The receiver wants no more webhooks at this address: the endpoint is disabled. Set another address, then enable it.'
    case 411:
    case 413:
      return 'The body is too large for the receiver: raise its limit, or send smaller payloads.'
    case 415:
      return 'The receiver does not take application/json: let it parse JSON for this path.'
    case 400:
    case 422:
      return 'The receiver does not understand the event: compare the body with what it expects of this type.'
    case 429:
      return 'Too many requests for the receiver: lower the rate of the endpoint. A Retry-After is waited for.'
    case 502:
    case 504:
      return 'A proxy before the receiver cannot reach it: is the receiver running?'
    case 503:
      return 'The receiver is overloaded or being deployed. A Retry-After is waited for.'
    default:
      return ''
  }
}

function adviceForKind(kind: string | null): string {
  switch (kind) {
    case 'dns':
      return 'Look for a typing error in the host, and whether its DNS record exists.'
    case 'connect':
      return 'Nothing accepts connections there: is the receiver running, and its port open?'
    case 'tls':
      return 'The certificate is not valid for this host, has ended, or lacks its chain.'
    case 'timeout':
      return 'No answer in time: answer first and work later, or raise the timeout of the endpoint.'
    case 'http_4xx':
      return 'The receiver refuses: its log of this moment says why.'
    case 'http_5xx':
      return 'The receiver has a fault: its log of this moment says which.'
    case 'blocked':
      return 'The host leads to a private address. To allow that, see --delivery-allow.'
    case 'too_large':
      return 'The answer is longer than is read: a status of 2xx and a short body are enough.'
    case 'protocol':
      return 'What answers there does not speak HTTP as expected: check scheme, host and port.'
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

/** When the next attempt of a delivery is made, as far as its endpoint lets it go. */
export function dueWords(
  d: Pick<Delivery, 'due_at' | 'leased_until'>,
  endpoint: Pick<Endpoint, 'status' | 'hold_until'> | undefined,
  now: number,
): string {
  if (!d.due_at || d.leased_until) return ''
  if (endpoint?.status === 'paused') return 'waits until the endpoint is resumed'
  if (endpoint?.status === 'disabled') return 'waits until the endpoint is enabled'
  const hold = endpoint?.hold_until ? Date.parse(endpoint.hold_until) : 0
  if (endpoint?.hold_until && hold > now && hold >= Date.parse(d.due_at))
    return `held until ${moment(endpoint.hold_until, now)}, ${dueIn(endpoint.hold_until, now)}`
  return `next ${dueIn(d.due_at, now)}`
}
