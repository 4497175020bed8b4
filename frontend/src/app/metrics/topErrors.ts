import type { ErrorFigures, TopError } from '../api/types'
import type { Change } from '../../lib/query/change'

const SHOWN = 10

/** The figures of errors with the failures among some changes. */
export function withFailures(figures: ErrorFigures, changes: readonly Change[]): ErrorFigures {
  const failures = changes.filter((c) => c.data.status === 'failed' && c.data.previous_status !== 'failed')
  if (failures.length === 0) return figures
  let top = figures.top_errors
  for (const { data } of failures) {
    if (data.error_message) top = counted(top, data.error_message, data.type ?? '', data.updated_at ?? '')
  }
  return {
    ...figures,
    total_errors: figures.total_errors + failures.length,
    failed_deliveries: figures.failed_deliveries + failures.length,
    top_errors: [...top].sort((a, b) => b.count - a.count).slice(0, SHOWN),
  }
}

function counted(top: readonly TopError[], message: string, type: string, at: string): TopError[] {
  const known = top.find((e) => e.message === message && e.type === type)
  if (!known) return [...top, { message, type, count: 1, last_seen: at }]
  return top.map((e) => (e === known ? { ...e, count: e.count + 1, last_seen: at } : e))
}
