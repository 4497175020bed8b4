import { expect, it } from 'vitest'
import { aCreation, aDelivery } from '../../test/events'
import { withCounters } from '../../lib/query/counters'
import { quantile, tally, trends, withLatency, withThroughput } from './figures'

const counters = { total_events: 5, pending_events: 1, delivered_events: 3, failed_events: 1 }
const summary = { total: 4, pending: 2, delivered: 2, failed: 0, success_rate: 100, seq: 10 }
const minute = '2026-01-01T10:00:00.000Z'

it('takes newer counters and no older ones', () => {
  expect(withCounters(summary, counters, 11)).toMatchObject({ total: 5, success_rate: 75, seq: 11 })
  expect(withCounters(summary, counters, 9)).toBe(summary)
})

it('counts changes into their minutes', () => {
  const t = tally([aCreation(), aDelivery('evt_1', 2)])
  expect(t.get(Date.parse(minute))).toEqual({ created: 1, delivered: 1, failed: 0, latencies: [0.02] })
})

it('adds them to throughput and latency', () => {
  const t = tally([aCreation(), aDelivery('evt_1', 2)])
  const throughput = {
    events_per_minute: 0,
    events_per_hour: 1,
    total_events_24h: 1,
    time_range: '1h',
    series: [{ at: minute, created: 1, delivered: 0, failed: 0 }],
  }
  expect(withThroughput(throughput, t)).toMatchObject({
    events_per_hour: 2,
    series: [{ created: 2, delivered: 1, failed: 0 }],
  })
  const latency = { p50: 0, p95: 0, p99: 0, sample_size: 0, range: '1h', series: [] }
  expect(withLatency(latency, t).series).toMatchObject([{ p50: 0.02, count: 1 }])
})

it('reckons the course of the cards back from now', () => {
  const t = trends(summary, [
    { at: minute, created: 1, delivered: 0, failed: 0 },
    { at: minute, created: 1, delivered: 1, failed: 0 },
  ])
  expect(t.total).toEqual({ points: [2, 3, 4], change: 2 })
  expect(t.pending).toEqual({ points: [1, 2, 2], change: 1 })
})

it('has quantiles by nearest rank', () => {
  expect(quantile([1, 2, 3, 4], 0.5)).toBe(2)
  expect(quantile([1, 2, 3, 4], 0.99)).toBe(4)
  expect(quantile([], 0.5)).toBe(0)
})
