import { expect, it } from 'vitest'
import { LiveSync } from '../../lib/query/sync'
import { DashboardFollower } from '../live/figures'
import { createQueryClient, keys } from '../queries'
import { aHealthPage } from '../../test/answers'
import { aDeliveryTo, anEndpoint } from './fixtures'
import {
  Recent,
  deliveriesWith,
  endpointsOf,
  endpointsWith,
  fetchBefore,
  startsEndpoints,
  writeWebhooks,
} from './live'
import type { DeliveryList, EndpointList } from './live'

function client() {
  const qc = createQueryClient()
  qc.setQueryData<EndpointList>(keys.endpoints, { pages: [aHealthPage()], pageParams: [''] })
  const list = (): DeliveryList => ({
    pages: [{ deliveries: [aDeliveryTo('ep_1')], has_more: false, seq: 10 }],
    pageParams: [''],
  })
  qc.setQueryData(keys.deliveries('ep_1', ''), list())
  qc.setQueryData(keys.deliveries('ep_1', 'pending'), list())
  qc.setQueryData(keys.eventDeliveries('evt_1'), list())
  const shown = (key: readonly unknown[]) =>
    qc.getQueryData<DeliveryList>(key)?.pages.flatMap((p) => p.deliveries.map((d) => `${d.id} ${d.status}`))
  const endpoints = () => endpointsOf(qc.getQueryData<EndpointList>(keys.endpoints))
  return { qc, shown, endpoints }
}

const frame = (type: string, data: object, seq: number) => ({ type, data, seq })

it('a delivery changes in its place, and leaves the lists that it no longer belongs to', () => {
  const { qc, shown } = client()
  writeWebhooks(qc, [frame('delivery_update', aDeliveryTo('ep_1', { status: 'delivered' }), 11)])
  expect(shown(keys.deliveries('ep_1', ''))).toEqual(['dlv_1 delivered'])
  expect(shown(keys.deliveries('ep_1', 'pending'))).toEqual([])
  expect(shown(keys.eventDeliveries('evt_1'))).toEqual(['dlv_1 delivered'])
})

it('a new delivery comes first; an old frame changes nothing', () => {
  const { qc, shown } = client()
  const other = aDeliveryTo('ep_1', { id: 'dlv_2', event_id: 'evt_2' })
  writeWebhooks(qc, [frame('delivery_update', other, 12)])
  expect(shown(keys.deliveries('ep_1', ''))).toEqual(['dlv_2 pending', 'dlv_1 pending'])
  expect(shown(keys.eventDeliveries('evt_1'))).toEqual(['dlv_1 pending'])
  writeWebhooks(qc, [
    frame('delivery_update', { ...other, id: 'dlv_0' }, 9), // before the list was read
    frame('delivery_update', { ...other, status: 'failed' }, 11), // before what is known of it
  ])
  expect(shown(keys.deliveries('ep_1', ''))).toEqual(['dlv_2 pending', 'dlv_1 pending'])
})

it('an endpoint comes, changes and goes', () => {
  const { qc, endpoints } = client()
  writeWebhooks(qc, [frame('endpoint_update', anEndpoint({ pending: 3 }), 11)])
  expect(endpoints()[0]?.pending).toBe(3)
  writeWebhooks(qc, [frame('endpoint_update', anEndpoint({ pending: 2 }), 10)])
  expect(endpoints()[0]?.pending).toBe(3)
  writeWebhooks(qc, [frame('endpoint_update', anEndpoint({ id: 'ep_2' }), 12)])
  expect(endpoints().map((e) => e.id)).toEqual(['ep_2', 'ep_1'])
  writeWebhooks(qc, [frame('endpoint_update', { id: 'ep_2', deleted: true }, 13)])
  expect(endpoints().map((e) => e.id)).toEqual(['ep_1'])
})

it('a recovery is followed', () => {
  const { qc } = client()
  const recovery = { id: 'rec_1', endpoint_id: 'ep_1', total: 10, done: 1, status: 'running' }
  qc.setQueryData(keys.recoveries('ep_1'), { recoveries: [] })
  writeWebhooks(qc, [
    frame('recovery_update', recovery, 11),
    frame('recovery_update', { ...recovery, done: 5 }, 12),
  ])
  expect(qc.getQueryData(keys.recoveries('ep_1'))).toEqual({ recoveries: [{ ...recovery, done: 5 }] })
})

it('what makes no sense is ignored', () => {
  const { qc, shown } = client()
  writeWebhooks(qc, [
    { type: 'delivery_update' },
    { type: 'endpoint_update', data: 'x' },
    { type: 'other', data: {} },
  ])
  expect(shown(keys.deliveries('ep_1', ''))).toEqual(['dlv_1 pending'])
})

it('an answer that was read before a frame and comes after it is brought up to date', () => {
  const recent = new Recent()
  const late = aDeliveryTo('ep_1', { status: 'delivered' })
  recent.add([frame('endpoint_update', anEndpoint({ pending: 3 }), 11), frame('delivery_update', late, 12)])
  expect(endpointsWith(aHealthPage(), recent.since(10)).endpoints[0]?.pending).toBe(3)
  expect(recent.since(12)).toEqual([])
  const page = { deliveries: [aDeliveryTo('ep_1')], has_more: false, seq: 10 }
  const after = deliveriesWith(page, keys.deliveries('ep_1', ''), recent.since(10))
  expect(after.deliveries[0]?.status).toBe('delivered')
  expect(deliveriesWith(page, keys.deliveries('ep_1', 'pending'), recent.since(10)).deliveries).toEqual([])
})

it('a subscription that became live late has fetched again what was read before it', () => {
  const { qc } = client()
  const frameOf = (data: object) => ({ type: 'subscribe', data, seq: 12 })
  expect(startsEndpoints(frameOf({ channel: 'endpoint:*', status: 'subscribed' }))).toBe(true)
  expect(startsEndpoints(frameOf({ channel: 'events', status: 'subscribed' }))).toBe(false)
  fetchBefore(qc, 10)
  expect(qc.getQueryState(keys.endpoints)?.isInvalidated).toBe(false)
  fetchBefore(qc, 12)
  expect(qc.getQueryState(keys.endpoints)?.isInvalidated).toBe(true)
  expect(qc.getQueryState(keys.deliveries('ep_1', ''))?.isInvalidated).toBe(true)
})

it('what was heard before a resync says nothing of the state that is fetched after it', () => {
  const qc = createQueryClient()
  const follower = new DashboardFollower()
  const sync = new LiveSync(qc, () => Promise.reject(new Error('not asked')), follower)
  sync.receive(frame('endpoint_update', { ...anEndpoint(), deleted: true }, 900))
  sync.flush()
  // An older copy of the database was put back: positions begin again below those that were heard.
  sync.resync()
  expect(follower.recentWebhooks.since(10)).toEqual([])
  sync.receive(frame('endpoint_update', anEndpoint(), 11))
  sync.flush()
  expect(follower.recentWebhooks.since(10)).toHaveLength(1)
})

it('the counts follow an endpoint that is listed, and are asked for when it is not', () => {
  const { qc } = client()
  const counts = () => qc.getQueryData<EndpointList>(keys.endpoints)?.pages[0]
  const failing = anEndpoint({ consecutive_failures: 3, pending: 4 })
  expect(writeWebhooks(qc, [frame('endpoint_update', failing, 11)])).toBe(false)
  expect(counts()).toMatchObject({
    total: 1,
    waiting: 4,
    needs_attention: 1,
    counts: { idle: 0, failing: 1 },
  })
  expect(writeWebhooks(qc, [frame('endpoint_update', { ...failing, id: 'ep_243' }, 12)])).toBe(true)
  expect(counts()).toMatchObject({ total: 1, needs_attention: 1 })
  writeWebhooks(qc, [frame('endpoint_update', { id: 'ep_1', deleted: true }, 13)])
  expect(counts()).toMatchObject({ total: 0, waiting: 0, needs_attention: 0, counts: { failing: 0 } })
})
