/** Where webhooks go, as the REST API tells it. Times are RFC 3339; null: never. */
export interface Endpoint {
  id: string
  url: string
  description: string
  /** Globs; empty: every type. */
  types: string[]
  filter: Record<string, unknown> | null
  /** The filter byte for byte; absent where JSON.stringify writes the same. */
  filter_text?: string
  /** Why a filter that was stored under older rules can never match as it was meant. */
  filter_problem?: string
  headers: Record<string, string>
  /** 0: no limit. */
  rate_per_second: number
  max_in_flight: number
  timeout_ms: number
  retry_schedule_ms: number[]
  /** A path into the payload; '': no order. */
  order_key: string
  status: EndpointStatus
  disabled_reason: string | null
  /** The breaker is open: no attempt before. */
  hold_until: string | null
  pending: number
  delivered: number
  failed: number
  consecutive_failures: number
  failing_since: string | null
  last_success_at: string | null
  last_failure_at: string | null
  last_error: string | null
  created_at: string
  updated_at: string
  seq: number
  /** How it does, as the server sees it; only on pages of health. */
  health?: Health
  /** Nothing goes to this address, and who can change that; only in what the server answers about one endpoint. */
  warning?: string
}

/** How an endpoint does, in one word: the worst that is true. */
export type Health = 'healthy' | 'idle' | 'retrying' | 'lost' | 'holding' | 'failing' | 'paused' | 'disabled'

/** How all endpoints do, counted by the server, and a page of them: those that need somebody first. */
export interface HealthPage {
  total: number
  /** Disabled, failing, on hold or given up. */
  needs_attention: number
  /** Deliveries, for all endpoints. */
  waiting: number
  counts: Record<Health, number>
  endpoints: Endpoint[]
  has_more: boolean
  seq: number
  /** The server's clock. */
  at: string
}

export type EndpointStatus = 'active' | 'paused' | 'disabled'
export type DeliveryStatus = 'pending' | 'delivered' | 'failed' | 'canceled'

/** What a form sets of an endpoint. */
export type EndpointInput = Pick<
  Endpoint,
  | 'url'
  | 'description'
  | 'types'
  | 'filter'
  | 'filter_text'
  | 'headers'
  | 'rate_per_second'
  | 'max_in_flight'
  | 'timeout_ms'
  | 'retry_schedule_ms'
  | 'order_key'
>

/** One event on its way to one endpoint. */
export interface Delivery {
  id: string
  event_id: string
  event_type: string
  endpoint_id: string
  status: DeliveryStatus
  attempts: number
  /** The next attempt; null: none follows. */
  due_at: string | null
  /** An attempt is under way until. */
  leased_until: string | null
  order_key: string | null
  /** Order: waits for this event. */
  blocked_by: string | null
  status_code: number | null
  error_kind: string | null
  error_message: string | null
  created_at: string
  updated_at: string
  seq: number
}

/** One HTTP request of a delivery. Durations are milliseconds; null for a step that was not needed or not reached. */
export interface Attempt {
  number: number
  started_at: string
  duration_ms: number
  dns_ms: number | null
  connect_ms: number | null
  tls_ms: number | null
  ttfb_ms: number | null
  status_code: number | null
  error_kind: string | null
  error_message: string | null
  request_headers: Record<string, string>
  response_headers: Record<string, string>
  response_body: string
  response_truncated: boolean
  next_attempt_at: string | null
}

/** A retry or replay of many deliveries, moved at a rate. */
export interface Recovery {
  id: string
  kind: 'retry_failed' | 'replay'
  endpoint_id: string
  rate_per_second: number
  total: number
  done: number
  status: 'running' | 'done' | 'stopped'
  created_at: string
  seq: number
}

/** What the receiver of this server was sent. */
export interface ReceiverLog {
  id: string
  received_at: string
  verified: boolean
  /** Why it was refused. */
  reason: string | null
  endpoint_id: string | null
  webhook_id: string | null
  event_type: string | null
  replayed: boolean
  headers: Record<string, string>
  body: string
  body_truncated: boolean
}

/** One step of checking a signature. */
export interface VerifyStep {
  step: string
  ok: boolean
  detail: string
  advice: string
}
