import { beforeEach, expect, it, vi } from 'vitest'
import { anEvent } from '../../test/events'
import { NO_FILTERS } from '../../lib/query/filters'
import type { Outgoing } from '../../lib/query/outgoing'
import { livePage } from '../../lib/query/list'
import { QueryClient } from '@tanstack/react-query'
import { liveKeys as keys } from './keys'
import type { EventList } from './caches'
import { LiveSync } from './sync'

let qc = new QueryClient()
let sync = new LiveSync(qc, () => Promise.reject(new Error('not asked')))

beforeEach(() => {
  qc = new QueryClient()
  sync = new LiveSync(qc, () => Promise.reject(new Error('not asked')))
  const pages = [livePage({ events: [anEvent({ id: 'a' })], has_more: false, seq: 10 })]
  qc.setQueryData<EventList>(keys.list(NO_FILTERS), { pages, pageParams: [''] })
})

const ids = () =>
  qc.getQueryData<EventList>(keys.list(NO_FILTERS))?.pages.flatMap((p) => p.events.map((e) => e.id))
const outgoing = () => qc.getQueryData<readonly Outgoing[]>(keys.outgoing) ?? []
const out = {
  key: 'k',
  event: { type: 't', source: 's', payload: { n: 1 } },
  started_at: '2026-01-02T00:00:00.000Z',
}
const frame = (id: string, seq: number) => ({
  type: 'event_created',
  seq,
  data: {
    id,
    type: 't',
    source: 's',
    payload: { n: 1 },
    status: 'pending',
    created_at: '2026-01-02T00:00:00.000Z',
  },
})
const accepted = { id: 'b', status: 'pending' as const, created_at: '2026-01-02T00:00:00.000Z', seq: 11 }

it('the answer comes first: one row, then the frame changes nothing', () => {
  sync.setOutgoing(() => [out])
  sync.accepted(out, accepted)
  expect([ids(), outgoing()]).toEqual([['b', 'a'], []])
  sync.receive(frame('b', 11))
  sync.flush()
  expect(ids()).toEqual(['b', 'a'])
})

it('the frame comes first: it takes the place of the sending row', () => {
  sync.setOutgoing(() => [out])
  sync.receive(frame('b', 11))
  sync.flush()
  expect([ids(), outgoing()]).toEqual([['b', 'a'], []])
  sync.accepted(out, accepted)
  expect(ids()).toEqual(['b', 'a'])
})

it('an answer that comes after the deletion does not bring the event back', () => {
  sync.setOutgoing(() => [out])
  sync.receive(frame('b', 11))
  sync.receive({ type: 'event_deleted', seq: 12, data: { id: 'b' } })
  sync.flush()
  sync.accepted(out, accepted)
  expect(ids()).toEqual(['a'])
})

it('a paused page holds still, counts, and catches up', () => {
  sync.setPaused(true)
  sync.receive(frame('b', 11))
  sync.receive({
    type: 'metrics_update',
    seq: 11,
    data: { total_events: 2, pending_events: 2, delivered_events: 0, failed_events: 0 },
  })
  sync.flush()
  expect([ids(), sync.getPause().missed]).toEqual([['a'], 1])
  sync.setPaused(false)
  expect(ids()).toEqual(['b', 'a'])
  expect(qc.getQueryData(keys.summary)).toMatchObject({ total: 2 })
})

it('several reasons to refetch are one refetch, none while paused', () => {
  vi.useFakeTimers()
  const invalidate = vi.spyOn(qc, 'invalidateQueries')
  sync.refetch()
  sync.refetch()
  vi.runAllTimers()
  expect(invalidate).toHaveBeenCalledTimes(1)
  sync.setPaused(true)
  sync.refetch()
  vi.runAllTimers()
  expect(invalidate).toHaveBeenCalledTimes(1)
  sync.setPaused(false)
  vi.runAllTimers()
  expect(invalidate).toHaveBeenCalledTimes(2)
  vi.useRealTimers()
})

it('a cache that has to be fetched again stays so, whatever the stream writes into it', () => {
  vi.useFakeTimers()
  qc.setQueryData(keys.event('a'), anEvent({ id: 'a' }))
  qc.setQueryData(keys.summary, { total: 1, pending: 1, delivered: 0, failed: 0, success_rate: 0, seq: 10 })
  sync.resync()
  vi.advanceTimersByTime(10)
  sync.receive(frame('b', 31))
  sync.receive({ type: 'event_update', seq: 32, data: { id: 'a', status: 'delivered' } })
  sync.receive({
    type: 'metrics_update',
    seq: 32,
    data: { total_events: 2, pending_events: 1, delivered_events: 1, failed_events: 0 },
  })
  sync.flush()
  expect(ids()).toEqual(['b', 'a'])
  expect(qc.getQueryData(keys.event('a'))).toMatchObject({ status: 'delivered' })
  expect(qc.getQueryData(keys.summary)).toMatchObject({ total: 2 })
  for (const key of [keys.list(NO_FILTERS), keys.event('a'), keys.summary]) {
    expect(qc.getQueryState(key)?.isInvalidated).toBe(true)
  }
  vi.useRealTimers()
})

it('an answer that is older than what is known of an event changes nothing of it', () => {
  qc.setQueryData(keys.event('a'), anEvent({ id: 'a', status: 'delivered', seq: 12 }))
  sync.store(anEvent({ id: 'a', seq: 11 }))
  expect(qc.getQueryData(keys.event('a'))).toMatchObject({ status: 'delivered', seq: 12 })
})
