// Hand-written checks: what a server sends is a claim until one of these has looked at it.

/** A JSON object; neither null nor an array. */
export function isRecord(v: unknown): v is Record<string, unknown> {
  return typeof v === 'object' && v !== null && !Array.isArray(v)
}

/** A string. */
export function isText(v: unknown): v is string {
  return typeof v === 'string'
}

/** A finite number. */
export function isNumber(v: unknown): v is number {
  return typeof v === 'number' && Number.isFinite(v)
}

/** Absent, or passing the check. */
export function optional(v: unknown, check: (v: unknown) => boolean): boolean {
  return v === undefined || check(v)
}

const orNull = (check: (v: unknown) => boolean) => (v: unknown) => v === null || check(v)
const isFlag = (v: unknown) => typeof v === 'boolean'
const isStatus = (v: unknown) => v === 'pending' || v === 'delivered' || v === 'failed'
const isAmount = (v: unknown) => isNumber(v) && v >= 0

/** Data that names an event. */
export function isEventId(v: unknown): v is { id: string } {
  return isRecord(v) && isText(v.id) && v.id !== '' && optional(v.type, isText)
}

const eventFields: readonly [string, (v: unknown) => boolean][] = [
  ['source', isText],
  ['payload', isRecord],
  ['payload_truncated', isFlag],
  ['erased', isFlag],
  ['previous_status', orNull(isStatus)],
  ['delivery_attempts', isAmount],
  ['last_delivery_attempt', orNull(isText)],
  ['delivery_latency_ms', orNull(isNumber)],
  ['error_message', orNull(isText)],
  ['created_at', isText],
  ['updated_at', isText],
]

/** Data of `event_created` and `event_update`: an id, a status, and nothing of a wrong type. */
export function isEvent(v: unknown): boolean {
  if (!isEventId(v)) return false
  const fields = v as Record<string, unknown>
  return isStatus(fields.status) && eventFields.every(([name, check]) => optional(fields[name], check))
}

function isLatency(v: unknown): boolean {
  const isPercentile = orNull(isNumber)
  return isRecord(v) && [v.p50, v.p95, v.p99].every(isPercentile) && optional(v.sample_size, isAmount)
}

/** Data of `metrics_update`: the four counters, and nothing of a wrong type. */
export function isMetrics(v: unknown): boolean {
  if (!isRecord(v)) return false
  const counters = [v.total_events, v.pending_events, v.delivered_events, v.failed_events]
  return (
    counters.every(isAmount) &&
    optional(v.success_rate, orNull(isNumber)) &&
    optional(v.events_per_minute, isNumber) &&
    optional(v.latency_ms, isLatency)
  )
}
