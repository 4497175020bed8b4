import {
  isAmount,
  isEvent,
  isEventId,
  isFlag,
  isMetrics,
  isNumber,
  isRecord,
  isText,
  isTexts,
  maybe,
  orNull,
  shape,
} from './guards'
import type { Check } from './guards'
import { MessageType } from './messages'
import { parseKeepingTexts } from './texts'
import type { EventUpdate, MetricsUpdate, WebSocketMessage } from './messages'

export { MessageType, WebSocketState } from './messages'
export type {
  EventStatus,
  EventUpdate,
  LatencyMs,
  MetricsUpdate,
  OutgoingMessage,
  WebSocketMessage,
} from './messages'

/** The frame types that dialect v1 adds. */
export const V1_TYPES = ['session', 'batch', 'snapshot', 'resync', 'auth', 'reconnect'] as const

/** What the first frame of a v1 connection says. */
export interface SessionData {
  session: string
  seq: number
  resumed: boolean
  epoch?: string
  channels?: string[]
}

type Envelope = Omit<WebSocketMessage, 'type' | 'data'>
type Frame<T, D> = Envelope & { type: T; data: D }

/** One frame from a server, checked; `type` tells which. */
export type ServerFrame =
  | Frame<MessageType.PING | MessageType.PONG | MessageType.ERROR, Record<string, unknown> | null | undefined>
  | Frame<MessageType.EVENT_CREATED | MessageType.EVENT_UPDATE, EventUpdate>
  | Frame<MessageType.EVENT_DELETED, { id: string; type?: string }>
  | Frame<MessageType.METRICS_UPDATE, MetricsUpdate>
  | Frame<
      MessageType.SUBSCRIBE | MessageType.UNSUBSCRIBE,
      { channel?: string; status?: string; seq?: number }
    >
  | Frame<
      | MessageType.DELIVERY_UPDATE
      | MessageType.ENDPOINT_UPDATE
      | MessageType.RECOVERY_UPDATE
      | MessageType.WEBHOOK_RECEIVED,
      { id: string }
    >
  | Frame<'session', SessionData>
  | Frame<'batch', unknown[]>
  | Frame<'snapshot', { channel: string; seq: number; state: Record<string, unknown> | null }>
  | Frame<'resync', { channel?: string; seq: number }>
  | Frame<'auth', { status: string; expires_at?: string }>
  | Frame<'reconnect', { after_ms: number }>

/** A frame, or why there is none. `type` is the word of an unknown type. */
export type ParseResult =
  | { ok: true; frame: ServerFrame }
  | { ok: false; reason: 'malformed_json' | 'invalid' }
  | { ok: false; reason: 'unknown_type'; type: string }

const INVALID: ParseResult = { ok: false, reason: 'invalid' }
// Also JSON that is no object, as the golden files have it.
const MALFORMED: ParseResult = { ok: false, reason: 'malformed_json' }

const isAnyData = maybe(orNull(isRecord))
const isEcho = maybe(orNull(shape({}, { channel: isText })))

const guards = new Map<string, Check>(
  Object.entries({
    [MessageType.PING]: isAnyData,
    [MessageType.PONG]: isAnyData,
    [MessageType.ERROR]: isAnyData,
    [MessageType.EVENT_CREATED]: isEvent,
    [MessageType.EVENT_UPDATE]: isEvent,
    [MessageType.EVENT_DELETED]: isEventId,
    [MessageType.METRICS_UPDATE]: isMetrics,
    [MessageType.SUBSCRIBE]: isEcho,
    [MessageType.UNSUBSCRIBE]: isEcho,
    [MessageType.DELIVERY_UPDATE]: isEventId,
    [MessageType.ENDPOINT_UPDATE]: isEventId,
    [MessageType.RECOVERY_UPDATE]: isEventId,
    [MessageType.WEBHOOK_RECEIVED]: isEventId,
    session: shape({ session: isText, seq: isNumber, resumed: isFlag }, { channels: isTexts }),
    batch: Array.isArray,
    snapshot: shape({ channel: isText, seq: isNumber, state: orNull(isRecord) }),
    resync: shape({ seq: isNumber }, { channel: isText }),
    auth: shape({ status: isText }),
    reconnect: shape({ after_ms: isAmount }),
  }),
)

const isEnvelope = shape(
  {},
  { timestamp: isText, error: isText, code: isText, id: isText, channel: isText, seq: isNumber },
)

/** Reads one WebSocket message. Never throws, whatever comes in. */
export function parseMessage(raw: unknown): ParseResult {
  if (typeof raw !== 'string') return INVALID
  try {
    return parseEnvelope(parseKeepingTexts(raw))
  } catch {
    return MALFORMED
  }
}

/** Checks one envelope that is already a value, as inside a `batch`. Never throws. */
export function parseEnvelope(value: unknown): ParseResult {
  if (!isRecord(value)) return MALFORMED
  if (!isText(value.type)) return INVALID
  const guard = guards.get(value.type)
  if (!guard) return { ok: false, reason: 'unknown_type', type: value.type }
  if (!isEnvelope(value) || !guard(value.data)) return INVALID
  // Each guard has just checked what its member of the union promises.
  return { ok: true, frame: value as unknown as ServerFrame }
}
