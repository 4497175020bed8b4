import type { InfiniteData, QueryClient, QueryKey } from '@tanstack/react-query'
import { write } from '../../lib/query/caches'
import type { Envelope } from '../../lib/query/change'
import { keys } from '../queries'
import type { DeliveryPage } from './api'
import type { Delivery, Endpoint, Recovery } from './types'

/** What the caches hold. */
export type EndpointList = { endpoints: Endpoint[]; has_more: boolean; seq: number }
export type DeliveryList = InfiniteData<DeliveryPage, string>

/** The latest frames, for the answers that were read before them and come after them. */
export class Recent {
  private frames: Envelope[] = []

  add(frames: readonly Envelope[]): void {
    this.frames = [...this.frames, ...frames].slice(-RECENT)
  }

  clear(): void {
    this.frames = []
  }

  /** What came after a position in the change log. */
  since(seq: number): readonly Envelope[] {
    return this.frames.filter((f) => (f.seq ?? 0) > seq)
  }
}

const RECENT = 2000
const TYPES = ['delivery_update', 'endpoint_update', 'recovery_update', 'webhook_received']

/** Whether a frame tells of webhooks. */
export const isWebhookFrame = (message: Envelope): boolean => TYPES.includes(message.type)

/** Whether a frame says that endpoints are followed from now on. */
export function startsEndpoints({ type, data }: Envelope): boolean {
  const { channel, status } = (data ?? {}) as { channel?: unknown; status?: unknown }
  return type === 'subscribe' && status === 'subscribed' && String(channel).startsWith('endpoint:')
}

/** Writes frames of webhooks into the caches, in order; what a frame cannot tell is fetched. */
export function writeWebhooks(qc: QueryClient, frames: readonly Envelope[]): void {
  const stale = new Set<string>()
  for (const { type, data, seq } of frames) {
    if (typeof data !== 'object' || data === null) continue
    if (type === 'endpoint_update') writeEndpoint(qc, data as EndpointFrame, seq ?? 0)
    else if (type === 'delivery_update') {
      const delivery = { ...(data as Delivery), seq: seq ?? 0 }
      writeDelivery(qc, delivery)
      stale.add(delivery.id)
    } else if (type === 'recovery_update') writeRecovery(qc, data as Recovery)
  }
  for (const id of stale) void qc.invalidateQueries({ queryKey: keys.attempts(id) })
  if (frames.some((f) => f.type === 'webhook_received'))
    void qc.invalidateQueries({ queryKey: keys.receiver })
}

type EndpointFrame = Endpoint & { deleted?: boolean }

/** A list of endpoints with all that came after it was read. */
export function endpointsWith(list: EndpointList, frames: readonly Envelope[]): EndpointList {
  return frames
    .filter((f) => f.type === 'endpoint_update')
    .reduce((all, f) => withEndpoint(all, f.data as EndpointFrame, f.seq ?? 0), list)
}

/** A page of deliveries with all that came after it was read. */
export function deliveriesWith(page: DeliveryPage, key: QueryKey, frames: readonly Envelope[]): DeliveryPage {
  const list: DeliveryList = { pages: [page], pageParams: [''] }
  const after = frames
    .filter((f) => f.type === 'delivery_update')
    .reduce((all, f) => withDelivery(all, key, { ...(f.data as Delivery), seq: f.seq ?? 0 }), list)
  return after.pages[0] ?? page
}

function writeEndpoint(qc: QueryClient, frame: EndpointFrame, seq: number): void {
  write<EndpointList>(qc, keys.endpoints, (list) => list && withEndpoint(list, frame, seq))
}

function withEndpoint(list: EndpointList, frame: EndpointFrame, seq: number): EndpointList {
  if (seq <= list.seq) return list
  const others = list.endpoints.filter((e) => e.id !== frame.id)
  if (frame.deleted) return { ...list, endpoints: others }
  const known = list.endpoints.find((e) => e.id === frame.id)
  if (known && known.seq >= seq) return list
  const next = { ...frame, seq }
  const endpoints = known ? list.endpoints.map((e) => (e.id === frame.id ? next : e)) : [next, ...others]
  return { ...list, endpoints }
}

/** A subscription became live at a position: what was read before it may lack what happened in between. */
export function fetchBefore(qc: QueryClient, seq: number): void {
  const isBehind = (data: unknown) => {
    const pages = (data as DeliveryList | undefined)?.pages
    const read = pages ? pages[0]?.seq : (data as EndpointList | undefined)?.seq
    return read !== undefined && read < seq
  }
  for (const queryKey of [keys.endpoints, keys.allDeliveries, keys.allRecoveries]) {
    void qc.invalidateQueries({
      queryKey,
      predicate: (q) => queryKey === keys.allRecoveries || isBehind(q.state.data),
    })
  }
}

function writeDelivery(qc: QueryClient, delivery: Delivery): void {
  for (const [key, data] of qc.getQueriesData<DeliveryList>({ queryKey: keys.allDeliveries })) {
    if (data) write<DeliveryList>(qc, key, () => withDelivery(data, key, delivery))
  }
}

/** Whether a list that was asked for with a key shows a delivery. */
function belongs(key: QueryKey, d: Delivery): boolean {
  const [, , kind, id, status] = key
  if (kind === 'event') return d.event_id === id
  return d.endpoint_id === id && (!status || d.status === status)
}

/** The list after a change of one delivery: in its place, at the top if it is new, gone if it no longer matches. */
export function withDelivery(list: DeliveryList, key: QueryKey, delivery: Delivery): DeliveryList {
  const known = list.pages.flatMap((p) => p.deliveries).find((d) => d.id === delivery.id)
  if (known && known.seq >= delivery.seq) return list
  const [first] = list.pages
  if (!known && (!first || delivery.seq <= first.seq)) return list
  const fits = belongs(key, delivery)
  if (!known && !fits) return list
  const pages = list.pages.map((page, i) => {
    if (known) return { ...page, deliveries: replaced(page.deliveries, delivery, fits) }
    return i === 0 ? { ...page, deliveries: [delivery, ...page.deliveries] } : page
  })
  return { ...list, pages }
}

function replaced(all: readonly Delivery[], next: Delivery, keep: boolean): Delivery[] {
  return keep ? all.map((d) => (d.id === next.id ? next : d)) : all.filter((d) => d.id !== next.id)
}

function writeRecovery(qc: QueryClient, recovery: Recovery): void {
  write<{ recoveries: Recovery[] }>(qc, keys.recoveries(recovery.endpoint_id), (list) => {
    if (!list) return list
    const isKnown = list.recoveries.some((r) => r.id === recovery.id)
    const recoveries = isKnown
      ? list.recoveries.map((r) => (r.id === recovery.id ? recovery : r))
      : [recovery, ...list.recoveries]
    return { recoveries }
  })
}
