import type { EventStatus } from '../messages'

/** An event as the REST API tells it. */
export interface ApiEvent {
  id: string
  type: string
  source: string
  status: EventStatus
  /** What JSON.parse makes of it: numbers beyond 2^53 are rounded, of two equal names the last is kept. */
  payload: Record<string, unknown>
  /** The payload byte for byte, to show or send it again; absent where JSON.stringify(payload) writes the same. */
  payload_text?: string
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
  /** Why {} stands in place of a payload that was stored under older rules; the event itself has it. */
  payload_problem?: string
  /** The payload was taken for good: {} stands in its place. */
  erased?: boolean
}

/** One page of the list, newest first, and the position in the change log it was read at. */
export interface EventPage {
  events: ApiEvent[]
  has_more: boolean
  seq: number
}

/** What is sent to make an event. */
export interface NewEvent {
  type: string
  source: string
  payload: Record<string, unknown>
  /** Goes out in place of `payload`, byte for byte; JSON.stringify cannot write what JavaScript has no value for. */
  payload_text?: string
}

/** The answer to a new event. */
export interface Accepted {
  id: string
  status: EventStatus
  timestamp: string
  seq: number
}

/** The counters, and the position in the change log they were read at. */
export interface Summary {
  total: number
  pending: number
  delivered: number
  failed: number
  /** Percent, 0 to 100; null where nothing was delivered and nothing failed. */
  success_rate: number | null
  seq: number
}
