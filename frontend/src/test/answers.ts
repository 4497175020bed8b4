import type { Latency, Throughput, ThroughputPoint } from '../app/api/types'
import type { HealthPage } from '../app/webhooks/types'
import { anEndpoint } from '../app/webhooks/fixtures'

// Answers of the server for tests. contract.test.ts holds each to openapi.json, as a test of the server holds the
// server to it: a field that no server sends cannot be tested with.

/** A minute of throughput. */
export function aMinute(patch: Partial<ThroughputPoint> = {}): ThroughputPoint {
  return {
    at: '2026-01-01T10:00:00.000Z',
    created: 0,
    delivered: 0,
    failed: 0,
    reopened: 0,
    deleted: 0,
    expired: 0,
    left_pending: 0,
    left_delivered: 0,
    left_failed: 0,
    ...patch,
  }
}

/** The answer of GET /api/metrics/throughput. */
export function aThroughput(patch: Partial<Throughput> = {}): Throughput {
  const rest = { events_per_minute: 1, events_per_hour: 1, total_events_24h: 1, time_range: '1h' }
  return { ...rest, series: [aMinute()], seq: 10, ...patch }
}

/** The answer of GET /api/metrics/latency. */
export function aLatency(patch: Partial<Latency> = {}): Latency {
  const series = [{ at: '2026-01-01T10:00:00.000Z', p50: 0.1, p95: 0.2, p99: 0.3, count: 1 }]
  return { ...{ sample_size: 1 }, p50: 0.1, p95: 0.2, p99: 0.3, range: '1h', series, seq: 10, ...patch }
}

/** A page of GET /api/endpoints/health. */
export function aHealthPage(patch: Partial<HealthPage> = {}): HealthPage {
  return {
    total: 1,
    needs_attention: 0,
    waiting: 0,
    counts: { disabled: 0, failing: 0, holding: 0, lost: 0, retrying: 0, paused: 0, healthy: 0, idle: 1 },
    endpoints: [anEndpoint({ health: 'idle' })],
    has_more: false,
    seq: 10,
    at: '2026-01-01T10:00:00.000Z',
    ...patch,
  }
}
