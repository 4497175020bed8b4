/** The frame types of the integration guide, and those of webhooks, which come to who subscribes to endpoints. */
export enum MessageType {
  PING = 'ping',
  PONG = 'pong',
  EVENT_UPDATE = 'event_update',
  EVENT_CREATED = 'event_created',
  EVENT_DELETED = 'event_deleted',
  METRICS_UPDATE = 'metrics_update',
  SUBSCRIBE = 'subscribe',
  UNSUBSCRIBE = 'unsubscribe',
  ERROR = 'error',
  DELIVERY_UPDATE = 'delivery_update',
  ENDPOINT_UPDATE = 'endpoint_update',
  RECOVERY_UPDATE = 'recovery_update',
  WEBHOOK_RECEIVED = 'webhook_received',
}

/** Where a connection stands. */
export enum WebSocketState {
  CONNECTING = 'connecting',
  CONNECTED = 'connected',
  DISCONNECTED = 'disconnected',
  ERROR = 'error',
  RECONNECTING = 'reconnecting',
}

/** One message as handlers receive it. `data` has been checked for every type the library knows. */
export interface WebSocketMessage {
  type: MessageType
  // The guide's type: application code may read any field of a custom message.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  data?: any
  /** RFC 3339, UTC. */
  timestamp?: string
  /** Words for a person; only in `error`. */
  error?: string
  /** A stable word for a program; only in `error`. */
  code?: string
  /** Chosen by the sender of a request, echoed in the answer. */
  id?: string
  /** The subscription that brought the message. */
  channel?: string
  /** Position in the change log. */
  seq?: number
}

/** A message to send; the type may be one of your own. */
export type OutgoingMessage = Omit<WebSocketMessage, 'type' | 'data'> & { type: string; data?: unknown }

/** Where an event stands on its way to its receivers. */
export type EventStatus = 'pending' | 'delivered' | 'failed'

/**
 * An event as a frame tells it. `event_created` carries the event itself, `event_update` its whole mutable
 * state; fields of the other kind are absent. null means: has no such value.
 */
export interface EventUpdate {
  id: string
  status: EventStatus
  type?: string
  source?: string
  /** What JSON.parse makes of it: numbers beyond 2^53 are rounded, of two equal names the last is kept. */
  payload?: Record<string, unknown>
  /** The payload byte for byte, to show or send it again; absent where JSON.stringify(payload) writes the same. */
  payload_text?: string
  /** The payload was over 4 KiB and {} stands in its place; fetch the event to see it. */
  payload_truncated?: boolean
  /** Why {} stands in place of a payload that was stored under older rules; fetch the event to see it. */
  payload_problem?: string
  /** The payload was taken for good: {} stands in its place. */
  erased?: boolean
  previous_status?: EventStatus | null
  delivery_attempts?: number
  last_delivery_attempt?: string | null
  /** Created to delivered, milliseconds. */
  delivery_latency_ms?: number | null
  error_message?: string | null
  created_at?: string
  updated_at?: string
}

/** The counters of a dashboard; a server that knows only the guide sends the first four. */
export interface MetricsUpdate {
  total_events: number
  pending_events: number
  delivered_events: number
  failed_events: number
  /** Percent, 0 to 100; null: nothing to judge by yet. */
  success_rate?: number | null
  events_per_minute?: number
  /** Milliseconds. */
  latency_ms?: LatencyMs
}

/** Percentiles of created → delivered, milliseconds; null: no sample. */
export interface LatencyMs {
  p50: number | null
  p95: number | null
  p99: number | null
  sample_size?: number
}
