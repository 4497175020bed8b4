import type { Endpoint, Health, HealthPage } from './types'

export type { Health }

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
export function summaryOf({ counts }: Pick<HealthPage, 'counts'>): string {
  const parts = [
    [counts.disabled, 'disabled'],
    [counts.failing + counts.holding, 'failing'],
    [counts.lost, 'gave up'],
    [counts.retrying, 'retrying'],
    [counts.paused, 'paused'],
  ] as const
  return parts
    .filter(([n]) => n > 0)
    .map(([n, word]) => `${n} ${word}`)
    .join(', ')
}

/** The counts after one endpoint has changed; null: there was none, or there is none any more. */
export function recounted(
  page: HealthPage,
  before: Endpoint | null,
  after: Endpoint | null,
  now: number,
): HealthPage {
  const counts = { ...page.counts }
  const add = (e: Endpoint | null, n: number) => {
    if (e) counts[e.health ?? healthOf(e, now)] += n
  }
  add(before, -1)
  add(after && { ...after, health: healthOf(after, now) }, 1)
  return {
    ...page,
    counts,
    total: page.total + (after ? 1 : 0) - (before ? 1 : 0),
    waiting: page.waiting + (after?.pending ?? 0) - (before?.pending ?? 0),
    needs_attention: STUCK.reduce((sum, health) => sum + counts[health], 0),
  }
}
