import type { ApiEvent, NewEvent } from './types'
import type { Change } from './change'
import { matches } from './filters'
import type { Filters } from './filters'

/** An event on its way to the server: shown at once, marked as sending. */
export interface Outgoing {
  /** The Idempotency-Key of the submission; also the row's id. */
  key: string
  event: NewEvent
  /** RFC 3339, by this machine's clock. */
  started_at: string
}

/** A row of a list: an event, or one that is being sent. */
export type Row = ApiEvent & { sending?: true }

/** The row that stands for an event until the server has it. */
export function rowOf(out: Outgoing): Row {
  return {
    ...out.event,
    id: out.key,
    status: 'pending',
    created_at: out.started_at,
    updated_at: out.started_at,
    delivery_attempts: 0,
    last_delivery_attempt: null,
    delivery_latency_ms: null,
    error_message: null,
    seq: 0,
    sending: true,
  }
}

/** The list with what is being sent on top. */
export function withOutgoing(
  rows: readonly ApiEvent[],
  outgoing: readonly Outgoing[],
  filters: Filters,
): readonly Row[] {
  const sending = outgoing.map(rowOf).filter((row) => matches(row, filters))
  return sending.length === 0 ? rows : [...sending.reverse(), ...rows]
}

/**
 * What is still on its way after some events came in over the WebSocket. A frame with the same type, source and
 * payload stands for our event: it takes the place of the sending row, so that it is never there twice. Should
 * it have been somebody else's twin, the answer 201 still brings ours.
 */
export function claim(outgoing: readonly Outgoing[], changes: readonly Change[]): readonly Outgoing[] {
  if (outgoing.length === 0) return outgoing
  const left = [...outgoing]
  for (const change of changes) {
    if (change.kind !== 'created') continue
    const at = left.findIndex((out) => isTwin(out, change))
    if (at >= 0) left.splice(at, 1)
  }
  return left.length === outgoing.length ? outgoing : left
}

function isTwin(out: Outgoing, change: Change): boolean {
  const d = change.data
  if (d.type !== out.event.type || d.source !== out.event.source) return false
  return d.payload_truncated === true || canonical(d.payload) === canonical(out.event.payload)
}

// JSON with its keys in order, so that equal values have equal text.
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, v: unknown) =>
    typeof v === 'object' && v !== null && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  )
}
