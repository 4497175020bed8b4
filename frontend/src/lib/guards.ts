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

type Fields = Record<string, Check>

/** An object whose fields pass, those of the second list where they are there; it may have others. */
export function shape(required: Fields, optional: Fields = {}): Check {
  const must = Object.entries(required)
  const may = Object.entries(optional)
  return (v) =>
    isRecord(v) &&
    must.every(([name, check]) => check(v[name])) &&
    may.every(([name, check]) => v[name] === undefined || check(v[name]))
}

const isId: Check = (v) => isText(v) && v !== ''
const isStatus: Check = (v) => v === 'pending' || v === 'delivered' || v === 'failed'

/** Data that names an event, or another thing with an id. */
export const isEventId = shape({ id: isId }, { type: isText })

/** Data of `event_created` and `event_update`: an id, a status, and nothing of a wrong type. */
export const isEvent = shape(
  { id: isId, status: isStatus },
  {
    type: isText,
    source: isText,
    payload: isRecord,
    payload_text: isText,
    payload_truncated: isFlag,
    payload_problem: isText,
    erased: isFlag,
    previous_status: orNull(isStatus),
    delivery_attempts: isAmount,
    last_delivery_attempt: orNull(isText),
    delivery_latency_ms: orNull(isNumber),
    error_message: orNull(isText),
    created_at: isText,
    updated_at: isText,
  },
)

const percentile = orNull(isNumber)

/** Data of `metrics_update`: the four counters, and nothing of a wrong type. */
export const isMetrics = shape(
  { total_events: isAmount, pending_events: isAmount, delivered_events: isAmount, failed_events: isAmount },
  {
    success_rate: percentile,
    events_per_minute: isNumber,
    latency_ms: shape({ p50: percentile, p95: percentile, p99: percentile }, { sample_size: isAmount }),
  },
)
