import type { EventStatus } from '../messages'
import type { ApiEvent } from './types'

/** One change of one event, as a frame told it. */
export interface Change {
  kind: 'created' | 'updated' | 'deleted'
  id: string
  /** Position in the change log; a server that speaks the plain dialect gives none. */
  seq: number | null
  /** What the frame says about the event; of a deletion nothing. */
  data: Partial<ApiEvent> & { previous_status?: string | null }
}

/** The part of a WebSocket message that is read here. */
export interface Envelope {
  type: string
  data?: unknown
  seq?: number
  timestamp?: string
}

const KINDS: Record<string, Change['kind']> = {
  event_created: 'created',
  event_update: 'updated',
  event_deleted: 'deleted',
}

const isRecord = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null

/** Reads an event frame; null: it is none. */
export function changeOf(message: Envelope): Change | null {
  const kind = KINDS[message.type]
  if (!kind) return null
  const id = typeof message.data === 'string' ? message.data : isRecord(message.data) ? message.data.id : null
  if (typeof id !== 'string') return null
  const data = kind !== 'deleted' && isRecord(message.data) ? (message.data as Change['data']) : {}
  return { kind, id, seq: message.seq ?? null, data }
}

const STATUSES: readonly string[] = ['pending', 'delivered', 'failed']
const statusOf = (s: unknown): EventStatus =>
  STATUSES.includes(s as string) ? (s as EventStatus) : 'pending'

/** The whole event a `created` change carries. */
export function eventOf(change: Change): ApiEvent {
  const d = change.data
  const created = d.created_at ?? new Date().toISOString()
  return {
    id: change.id,
    type: d.type ?? '',
    source: d.source ?? '',
    status: statusOf(d.status),
    payload: d.payload ?? {},
    created_at: created,
    updated_at: d.updated_at ?? created,
    delivery_attempts: d.delivery_attempts ?? 0,
    last_delivery_attempt: d.last_delivery_attempt ?? null,
    delivery_latency_ms: d.delivery_latency_ms ?? null,
    error_message: d.error_message ?? null,
    seq: change.seq ?? 0,
    ...(d.payload_text !== undefined ? { payload_text: d.payload_text } : {}),
    ...(d.payload_problem ? { payload_problem: d.payload_problem } : {}),
    ...(d.payload_truncated ? { payload_truncated: true } : {}),
    ...(d.erased ? { erased: true } : {}),
  }
}

const MUTABLE = [
  'status',
  'updated_at',
  'delivery_attempts',
  'last_delivery_attempt',
  'delivery_latency_ms',
  'error_message',
] as const

/** Whether a change says something newer than what is known at `seq`. Without a number it always does. */
export function isNewer(change: Change, seq: number): boolean {
  return change.seq === null || change.seq > seq
}

const ERASED = {
  payload: {},
  payload_text: undefined,
  payload_truncated: undefined,
  payload_problem: undefined,
  erased: true,
}

/** The row after a change; the same object when the change is old. */
export function merge(row: ApiEvent, change: Change): ApiEvent {
  if (!isNewer(change, row.seq) || isOlderByClock(change, row)) return row
  const patch: Record<string, unknown> = {}
  for (const field of MUTABLE) if (change.data[field] !== undefined) patch[field] = change.data[field]
  // What was erased must not stay in a list that somebody looks at.
  if (change.data.erased) Object.assign(patch, ERASED)
  return { ...row, ...patch, seq: change.seq ?? row.seq }
}

// Where nothing is numbered, the server's clock has to do.
function isOlderByClock({ seq, data }: Change, row: ApiEvent): boolean {
  const at = data.updated_at ?? data.created_at
  return seq === null && at !== undefined && Date.parse(at) < Date.parse(row.updated_at)
}

/** The changes of one flush, at most one per event: the latest state, as `created` where it came to be. */
export function fold(changes: readonly Change[]): Map<string, Change> {
  const folded = new Map<string, Change>()
  for (const next of changes) {
    const before = folded.get(next.id)
    folded.set(next.id, before ? foldTwo(before, next) : next)
  }
  return folded
}

function foldTwo(before: Change, next: Change): Change {
  if (!isNewer(next, before.seq ?? -1)) return before
  if (next.kind === 'deleted' || before.kind === 'deleted') return next.kind === 'deleted' ? next : before
  const kind = before.kind === 'created' || next.kind === 'created' ? 'created' : 'updated'
  return { kind, id: next.id, seq: next.seq, data: { ...before.data, ...next.data } }
}
