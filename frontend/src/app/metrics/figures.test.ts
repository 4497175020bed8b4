import { expect, it } from 'vitest'
import { aCreation, aDelivery, anEvent } from '../../test/events'
import { withCounters } from '../../lib/query/counters'
import { LiveSync } from '../../lib/query/sync'
import type { Throughput } from '../api/types'
import { DashboardFollower } from '../live/figures'
import { createQueryClient, keys } from '../queries'
import {
  caughtUp,
  courses,
  happened,
  perMinute,
  quantile,
  tally,
  within,
  withLatency,
  withThroughput,
} from './figures'

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
  const throughput = { series: [{ at: minute, created: 1, delivered: 0, failed: 0 }] }
  expect(withThroughput(throughput, t)).toEqual({
    series: [{ at: minute, created: 2, delivered: 1, failed: 0 }],
  })
  const latency = { p50: 0, p95: 0, p99: 0, range: '1h', series: [] }
  expect(withLatency(latency, t).series).toMatchObject([{ p50: 0.02, count: 1 }])
})

it('reckons the course of the cards back from now', () => {
  const c = courses(summary, [
    { at: minute, created: 1, delivered: 0, failed: 0 },
    { at: minute, created: 1, delivered: 1, failed: 0 },
  ])
  expect(c.total).toEqual([2, 3, 4])
  expect(c.pending).toEqual([1, 2, 2])
})

it('has no course below zero, though more was created than is left', () => {
  const c = courses(summary, [{ at: minute, created: 9, delivered: 7, failed: 0 }])
  expect(c.total).toEqual([0, 4])
  expect(c.delivered).toEqual([0, 2])
  expect(c.success_rate).toEqual([100, 100])
})

it('counts what happened, and forgets the minutes that are over', () => {
  const series = [0, 30, 59].map((m) => ({
    at: new Date(Date.parse(minute) + m * 60_000).toISOString(),
    created: 2,
    delivered: 1,
    failed: 0,
  }))
  const now = Date.parse(minute) + 59 * 60_000
  expect(happened(within(series, 3_600_000, now))).toEqual({ created: 6, delivered: 3, failed: 0 })
  expect(happened(within(series, 3_600_000, now + 60_000)).created).toBe(4)
  expect(happened(within(series, 3_600_000, now + 7_200_000)).created).toBe(0)
})

it('has a rate that falls when nothing comes', () => {
  const series = [{ at: minute, created: 60, delivered: 0, failed: 0 }]
  const at = Date.parse(minute)
  expect(perMinute(series, at + 30_000)).toBe(60)
  expect(perMinute(series, at + 90_000)).toBe(30)
  expect(perMinute(series, at + 120_000)).toBe(0)
})

it('has quantiles by nearest rank', () => {
  expect(quantile([1, 2, 3, 4], 0.5)).toBe(2)
  expect(quantile([1, 2, 3, 4], 0.99)).toBe(4)
  expect(quantile([], 0.5)).toBe(0)
})

it('figures that are fetched during a pause count once what came meanwhile', () => {
  const qc = createQueryClient()
  const sync = new LiveSync(qc, () => Promise.reject(new Error('not asked')), new DashboardFollower())
  sync.setPaused(true)
  sync.receive({ type: 'event_created', seq: 11, data: anEvent({ id: 'n', created_at: minute }) })
  sync.flush()
  const fetched: Throughput = { series: [{ at: minute, created: 1, delivered: 0, failed: 0 }], seq: 10 }
  qc.setQueryData(keys.throughput('1h'), caughtUp(fetched, sync.journal, withThroughput))
  sync.setPaused(false)
  expect(qc.getQueryData(keys.throughput('1h'))).toMatchObject({ series: [{ created: 2 }] })
  sync.receive({ type: 'event_created', seq: 12, data: anEvent({ id: 'o', created_at: minute }) })
  sync.flush()
  expect(qc.getQueryData(keys.throughput('1h'))).toMatchObject({ series: [{ created: 3 }] })
})
