import type { Endpoint } from './types'

/** How an endpoint does, in one word: the worst that is true. */
export type Health = 'healthy' | 'idle' | 'retrying' | 'lost' | 'holding' | 'failing' | 'paused' | 'disabled'

/** Failures in a row from which an endpoint is failing, and not only unlucky. */
const FAILING_AT = 3

/** The word for an endpoint's state at a time, milliseconds since the epoch. */
export function healthOf(e: Endpoint, now: number): Health {
  if (e.status !== 'active') return e.status
  if (e.hold_until !== null && Date.parse(e.hold_until) > now) return 'holding'
  if (e.consecutive_failures >= FAILING_AT) return 'failing'
  // With nothing left to retry, what failed last was given up.
  if (e.consecutive_failures > 0) return e.pending > 0 ? 'retrying' : 'lost'
  return e.last_success_at === null ? 'idle' : 'healthy'
}

const STUCK: readonly Health[] = ['disabled', 'failing', 'holding', 'lost']

/** Whether an endpoint needs somebody: waiting will not mend it, or nobody knows when. */
export const isStuck = (e: Endpoint, now: number): boolean => STUCK.includes(healthOf(e, now))

/** What stands between an endpoint and its events, in the words of the server or of the receiver; null: nothing. */
export function troubleOf(e: Endpoint): string | null {
  if (e.status === 'disabled') return e.disabled_reason
  return e.consecutive_failures > 0 ? e.last_error : null
}

/** Delivered of all that ended, percent; null: nothing has ended. */
export function successRate(e: Endpoint): number | null {
  const ended = e.delivered + e.failed
  return ended === 0 ? null : (100 * e.delivered) / ended
}

/** Those that need somebody come first, then the newest. */
export function byUrgency(now: number): (a: Endpoint, b: Endpoint) => number {
  const rank: readonly Health[] = [
    'disabled',
    'failing',
    'holding',
    'lost',
    'retrying',
    'paused',
    'healthy',
    'idle',
  ]
  return (a, b) =>
    rank.indexOf(healthOf(a, now)) - rank.indexOf(healthOf(b, now)) ||
    b.created_at.localeCompare(a.created_at)
}

/** What the operator should know at a glance, as a sentence; '': all is well. */
export function summaryOf(endpoints: readonly Endpoint[], now: number): string {
  const tally = (...words: Health[]) => endpoints.filter((e) => words.includes(healthOf(e, now))).length
  const parts = [
    [tally('disabled'), 'disabled'],
    [tally('failing', 'holding'), 'failing'],
    [tally('lost'), 'gave up'],
    [tally('retrying'), 'retrying'],
    [tally('paused'), 'paused'],
  ] as const
  return parts
    .filter(([n]) => n > 0)
    .map(([n, word]) => `${n} ${word}`)
    .join(', ')
}
