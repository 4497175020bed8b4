import type { MetricsUpdate } from '../messages'
import type { Summary } from './types'

/** The counters as metrics_update has them. */
export type Counters = MetricsUpdate

/** Percent of delivered among delivered and failed; 0 where there is neither. */
export function successRate(delivered: number, failed: number): number {
  return delivered + failed === 0 ? 0 : (100 * delivered) / (delivered + failed)
}

/** The summary after a metrics_update; the same object when the update is older than it. */
export function withCounters(
  summary: Summary | undefined,
  c: Counters,
  seq: number | undefined,
): Summary | undefined {
  if (summary && seq !== undefined && seq < summary.seq) return summary
  return {
    total: c.total_events,
    pending: c.pending_events,
    delivered: c.delivered_events,
    failed: c.failed_events,
    success_rate: c.success_rate ?? successRate(c.delivered_events, c.failed_events),
    seq: seq ?? summary?.seq ?? 0,
  }
}
