import type { ApiEvent } from '../app/api/types'
import type { Change } from '../lib/query/change'

/** An event for tests. */
export function anEvent(patch: Partial<ApiEvent> = {}): ApiEvent {
  return {
    id: 'evt_1',
    type: 'order.created',
    source: 'shop',
    status: 'pending',
    payload: { n: 1 },
    created_at: '2026-01-01T10:00:00.000Z',
    updated_at: '2026-01-01T10:00:00.000Z',
    delivery_attempts: 0,
    last_delivery_attempt: null,
    delivery_latency_ms: null,
    error_message: null,
    seq: 1,
    ...patch,
  }
}

/** The change that brings such an event. */
export function aCreation(patch: Partial<ApiEvent> = {}): Change {
  const event = anEvent(patch)
  return { kind: 'created', id: event.id, seq: event.seq, data: event }
}

/** The change that delivers an event. */
export function aDelivery(id: string, seq: number): Change {
  const data = {
    type: 'order.created',
    previous_status: 'pending',
    status: 'delivered',
    delivery_latency_ms: 20,
    updated_at: '2026-01-01T10:00:01.000Z',
  } as const
  return { kind: 'updated', id, seq, data: { id, ...data } }
}
