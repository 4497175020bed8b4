import type { Delivery, Endpoint } from './types'

/** An endpoint for tests. */
export function anEndpoint(patch: Partial<Endpoint> = {}): Endpoint {
  return {
    id: 'ep_1',
    url: 'https://shop.example/hooks',
    description: 'Shop',
    types: [],
    filter: null,
    headers: {},
    rate_per_second: 0,
    max_in_flight: 10,
    timeout_ms: 15_000,
    retry_schedule_ms: [0, 5000],
    order_key: '',
    status: 'active',
    disabled_reason: null,
    hold_until: null,
    pending: 0,
    delivered: 0,
    failed: 0,
    consecutive_failures: 0,
    failing_since: null,
    last_success_at: null,
    last_failure_at: null,
    last_error: null,
    created_at: '2026-01-01T10:00:00.000Z',
    updated_at: '2026-01-01T10:00:00.000Z',
    seq: 1,
    ...patch,
  }
}

/** A delivery for tests. */
export function aDeliveryTo(endpoint: string, patch: Partial<Delivery> = {}): Delivery {
  return {
    id: 'dlv_1',
    event_id: 'evt_1',
    event_type: 'order.created',
    endpoint_id: endpoint,
    status: 'pending',
    attempts: 0,
    due_at: '2026-01-01T10:00:00.000Z',
    leased_until: null,
    order_key: null,
    blocked_by: null,
    status_code: null,
    error_kind: null,
    error_message: null,
    created_at: '2026-01-01T10:00:00.000Z',
    updated_at: '2026-01-01T10:00:00.000Z',
    seq: 5,
    ...patch,
  }
}
