import { expect, it } from 'vitest'
import { aLatency, aMinute, aThroughput } from '../../test/answers'
import { aCreation, aDelivery, anEvent } from '../../test/events'
import { withCounters } from '../../lib/query/counters'
import { LiveSync } from '../../lib/query/sync'
import { DashboardFollower } from '../live/figures'
import { createQueryClient, keys } from '../queries'
import {
  caughtUp,
  courses,
  happened,
  isUncounted,
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
  expect(t.get(Date.parse(minute))).toMatchObject({
    created: 1,
    delivered: 1,
    failed: 0,
    left_pending: 1,
    latencies: [0.02],
  })
})

it('adds them to throughput and latency', () => {
  const t = tally([aCreation(), aDelivery('evt_1', 2)])
  const throughput = aThroughput({ series: [aMinute({ created: 1 })] })
  expect(withThroughput(throughput, t).series).toEqual([
    aMinute({ created: 2, delivered: 1, left_pending: 1 }),
  ])
  expect(withLatency(aLatency({ series: [] }), t).series).toMatchObject([{ p50: 0.02, count: 1 }])
})

it('reckons the course of the cards back from now', () => {
  const c = courses(summary, [
    aMinute({ created: 1 }),
    aMinute({ created: 1, delivered: 1, left_pending: 1 }),
  ])
  expect(c.total).toEqual([2, 3, 4])
  expect(c.pending).toEqual([1, 2, 2])
})

it('has no course below zero, though more was created than is left', () => {
  const c = courses(summary, [aMinute({ created: 9, delivered: 7, left_pending: 7 })])
  expect(c.total).toEqual([0, 4])
  expect(c.delivered).toEqual([0, 2])
  expect(c.success_rate).toEqual([100, 100])
})

it('counts what happened, and forgets the minutes that are over', () => {
  const series = [0, 30, 59].map((m) =>
    aMinute({ at: new Date(Date.parse(minute) + m * 60_000).toISOString(), created: 2, delivered: 1 }),
  )
  const now = Date.parse(minute) + 59 * 60_000
  expect(happened(within(series, 3_600_000, now))).toMatchObject({ created: 6, delivered: 3, failed: 0 })
  expect(happened(within(series, 3_600_000, now + 60_000)).created).toBe(4)
  expect(happened(within(series, 3_600_000, now + 7_200_000)).created).toBe(0)
})

it('has a rate that falls when nothing comes', () => {
  const series = [aMinute({ created: 60 })]
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
  const fetched = aThroughput({ series: [aMinute({ created: 1 })], seq: 10 })
  qc.setQueryData(keys.throughput('1h'), caughtUp(fetched, sync.journal, withThroughput))
  sync.setPaused(false)
  expect(qc.getQueryData(keys.throughput('1h'))).toMatchObject({ series: [{ created: 2 }] })
  sync.receive({ type: 'event_created', seq: 12, data: anEvent({ id: 'o', created_at: minute }) })
  sync.flush()
  expect(qc.getQueryData(keys.throughput('1h'))).toMatchObject({ series: [{ created: 3 }] })
})

it('what a frame repeats of before the figures were read counts once', () => {
  const qc = createQueryClient()
  const sync = new LiveSync(qc, () => Promise.reject(new Error('not asked')), new DashboardFollower())
  // Read by a poll while the connection was away; then the connection is back and tells all that it missed.
  qc.setQueryData(
    keys.throughput('1h'),
    aThroughput({ series: [aMinute({ created: 47, delivered: 47 })], seq: 94 }),
  )
  qc.setQueryData(keys.latency('1h'), aLatency({ seq: 94 }))
  const data = { ...aDelivery('evt_1', 90).data, previous_status: 'pending', updated_at: minute }
  for (const seq of [90, 94, 95])
    sync.receive({ type: 'event_update', seq, data: { ...data, id: `evt_${seq}` } })
  sync.flush()
  expect(qc.getQueryData(keys.throughput('1h'))).toMatchObject({ series: [{ delivered: 48 }] })
  expect(qc.getQueryData(keys.latency('1h'))).toMatchObject({ series: [{ count: 2 }] })
})

it('what was deleted is asked for, and a change that does not say what it was before is not guessed', () => {
  const deleted = { kind: 'deleted', id: 'evt_1', seq: 3, data: {} } as const
  const folded = { ...aDelivery('evt_1', 2), data: { ...aDelivery('evt_1', 2).data, previous_status: null } }
  expect([aCreation(), aDelivery('evt_1', 2), deleted, folded].map(isUncounted)).toEqual([
    false,
    false,
    true,
    true,
  ])
  expect(tally([deleted, folded]).size).toBe(0)
  const qc = createQueryClient()
  const sync = new LiveSync(qc, () => Promise.reject(new Error('not asked')), new DashboardFollower())
  qc.setQueryData(keys.throughput('1h'), aThroughput())
  sync.receive({ type: 'event_deleted', seq: 11, data: { id: 'evt_1', type: 't' } })
  sync.flush()
  expect(qc.getQueryState(keys.throughput('1h'))?.isInvalidated).toBe(true)
})

it('the cards add up: what they were, what came and what left give what they are', () => {
  const hour = [aMinute({ created: 471, delivered: 406, left_pending: 417, deleted: 11 })]
  const c = courses({ total: 460, pending: 54, delivered: 406, failed: 0, success_rate: 100, seq: 1 }, hour)
  expect(c.total).toEqual([0, 460])
  expect(c.pending).toEqual([0, 54])
  expect(c.delivered).toEqual([0, 406])
})
