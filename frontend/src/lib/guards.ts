// Hand-written checks: what a server sends is a claim until one of these has looked at it.

/** Looks at one value. */
export type Check = (v: unknown) => boolean

/** A JSON object; neither null nor an array. */
export function isRecord(v: unknown): v is Record<string, unknown> {
  return typeof v === 'object' && v !== null && !Array.isArray(v)
}

/** A string. */
export const isText = (v: unknown): v is string => typeof v === 'string'
/** A finite number. */
export const isNumber = (v: unknown): v is number => Number.isFinite(v)
/** true or false. */
export const isFlag: Check = (v) => typeof v === 'boolean'
/** An array of strings. */
export const isTexts: Check = (v) => Array.isArray(v) && v.every(isText)
/** A number from 0. */
export const isAmount: Check = (v) => isNumber(v) && v >= 0

/** Absent, or passing the check. */
export const maybe =
  (check: Check): Check =>
  (v) =>
    v === undefined || check(v)

/** null, or passing the check. */
export const orNull =
  (check: Check): Check =>
  (v) =>
    v === null || check(v)

/** An object whose fields pass; it may have others. */
export function shape(fields: Record<string, Check>): Check {
  const entries = Object.entries(fields)
  return (v) => isRecord(v) && entries.every(([name, check]) => check(v[name]))
}

const isStatus: Check = (v) => v === 'pending' || v === 'delivered' || v === 'failed'
const maybeText = maybe(isText)
const maybeTextOrNull = maybe(orNull(isText))

const named = { id: (v: unknown) => isText(v) && v !== '', type: maybeText }

/** Data that names an event, or another thing with an id. */
export const isEventId = shape(named)

/** Data of `event_created` and `event_update`: an id, a status, and nothing of a wrong type. */
export const isEvent = shape({
  ...named,
  status: isStatus,
  source: maybeText,
  payload: maybe(isRecord),
  payload_truncated: maybe(isFlag),
  erased: maybe(isFlag),
  previous_status: maybe(orNull(isStatus)),
  delivery_attempts: maybe(isAmount),
  last_delivery_attempt: maybeTextOrNull,
  delivery_latency_ms: maybe(orNull(isNumber)),
  error_message: maybeTextOrNull,
  created_at: maybeText,
  updated_at: maybeText,
})

const percentile = orNull(isNumber)

/** Data of `metrics_update`: the four counters, and nothing of a wrong type. */
export const isMetrics = shape({
  total_events: isAmount,
  pending_events: isAmount,
  delivered_events: isAmount,
  failed_events: isAmount,
  success_rate: maybe(percentile),
  events_per_minute: maybe(isNumber),
  latency_ms: maybe(
    shape({ p50: percentile, p95: percentile, p99: percentile, sample_size: maybe(isAmount) }),
  ),
})
