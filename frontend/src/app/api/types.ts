export type { EventStatus } from '../../lib/messages'
export type { Accepted, ApiEvent, EventPage, NewEvent, Summary } from '../../lib/query/types'

export type Range = '15m' | '1h' | '24h'

export interface LatencyPoint {
  at: string
  p50: number
  p95: number
  p99: number
  count: number
}

/** Created to delivered, seconds; null where there was no delivery. */
export interface Latency {
  p50: number | null
  p95: number | null
  p99: number | null
  range: string
  series: LatencyPoint[]
  /** The position in the change log it was read at. */
  seq: number
}

export interface ThroughputPoint {
  at: string
  created: number
  delivered: number
  failed: number
  /** Back to pending. */
  reopened: number
  /** By hand. */
  deleted: number
  /** By retention, or for the disk budget. */
  expired: number
  left_pending: number
  left_delivered: number
  left_failed: number
}

export interface Throughput {
  series: ThroughputPoint[]
  /** The position in the change log it was read at. */
  seq: number
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

/** Whom the session stands for, as the server sees it. */
export interface Identity {
  tenant: string
  subject: string
  /** null: a token from elsewhere. */
  key_name: string | null
  scopes: string[]
}

export interface ServerConfig {
  version?: string
  websocket_path?: string
}
