/** Where an event stands on its way to its receivers. */
export type EventStatus = 'pending' | 'delivered' | 'failed'

/** An event as the REST API tells it. */
export interface ApiEvent {
  id: string
  type: string
  source: string
  status: EventStatus
  payload: Record<string, unknown>
  created_at: string
  updated_at: string
  delivery_attempts: number
  last_delivery_attempt: string | null
  /** Created to delivered, milliseconds. */
  delivery_latency_ms: number | null
  error_message: string | null
  /** Of its latest change. */
  seq: number
  /** The live frame left the payload out; only the event itself has it. */
  payload_truncated?: boolean
}

/** One page of the list, newest first, and the position in the change log it was read at. */
export interface EventPage {
  events: ApiEvent[]
  has_more: boolean
  seq: number
}

export interface NewEvent {
  type: string
  source: string
  payload: Record<string, unknown>
}

export interface Accepted {
  id: string
  status: EventStatus
  timestamp: string
  seq: number
}

export interface Summary {
  total: number
  pending: number
  delivered: number
  failed: number
  /** Percent, 0 to 100. */
  success_rate: number
  seq: number
}

export type Range = '15m' | '1h' | '24h'

export interface LatencyPoint {
  at: string
  p50: number
  p95: number
  p99: number
  count: number
}

/** Created to delivered, seconds. */
export interface Latency {
  p50: number
  p95: number
  p99: number
  sample_size: number
  range: string
  series: LatencyPoint[]
  /** The position in the change log it was read at, where the server says so. */
  seq?: number
}

export interface ThroughputPoint {
  at: string
  created: number
  delivered: number
  failed: number
}

export interface Throughput {
  events_per_minute: number
  events_per_hour: number
  total_events_24h: number
  time_range: string
  series: ThroughputPoint[]
  /** The position in the change log it was read at, where the server says so. */
  seq?: number
}

export interface TopError {
  message: string
  count: number
  type: string
  last_seen: string
}

export interface ErrorFigures {
  total_errors: number
  /** Percent. */
  error_rate: number
  failed_deliveries: number
  pending_retries: number
  top_errors: TopError[]
}

export interface TokenAnswer {
  access_token: string
  token_type: string
  /** Seconds. */
  expires_in: number
}

export interface ServerConfig {
  version?: string
  websocket_path?: string
}
