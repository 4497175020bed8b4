import type { InfiniteData, QueryClient, QueryKey } from '@tanstack/react-query'
import { write } from '../../lib/query/caches'
import type { Envelope } from '../../lib/query/change'
import { keys } from '../queries'
import type { DeliveryPage } from './api'
import { serverClock } from '../clock'
import { healthOf, recounted } from './health'
import type { Delivery, Endpoint, HealthPage, Recovery } from './types'

/** What the caches hold. */
export type EndpointList = InfiniteData<HealthPage, string>
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

/**
 * Writes frames of webhooks into the caches, in order; what a frame cannot tell is fetched. Returns whether that is
 * so of the counts of endpoints: how one did before, that is on no page, is not known here.
 */
export function writeWebhooks(qc: QueryClient, frames: readonly Envelope[]): boolean {
  let isUncounted = false
  const stale = new Set<string>()
  for (const { type, data, seq } of frames) {
    if (typeof data !== 'object' || data === null) continue
    if (type === 'endpoint_update') {
      isUncounted = writeEndpoint(qc, data as EndpointFrame, seq ?? 0) || isUncounted
    }
    if (type === 'delivery_update') {
      const delivery = { ...(data as Delivery), seq: seq ?? 0 }
      writeDelivery(qc, delivery)
      stale.add(delivery.id)
    } else if (type === 'recovery_update') writeRecovery(qc, data as Recovery)
  }
  for (const id of stale) void qc.invalidateQueries({ queryKey: keys.attempts(id) })
  if (frames.some((f) => f.type === 'webhook_received'))
    void qc.invalidateQueries({ queryKey: keys.receiver })
  return isUncounted
}

type EndpointFrame = Endpoint & { deleted?: boolean }

/** A page of endpoints with all that came after it was read, of those that are on it. */
export function endpointsWith(page: HealthPage, frames: readonly Envelope[]): HealthPage {
  const list: EndpointList = { pages: [page], pageParams: [''] }
  const after = frames
    .filter((f) => f.type === 'endpoint_update')
    .reduce((all, f) => {
      const frame = f.data as EndpointFrame
      return page.endpoints.some((e) => e.id === frame.id) ? withEndpoint(all, frame, f.seq ?? 0) : all
    }, list)
  return after.pages[0] ?? page
}

/** Every endpoint of the pages, each once: it may have moved from one to another between two requests. */
export function endpointsOf(list: { pages: readonly HealthPage[] } | undefined): Endpoint[] {
  const all = list?.pages.flatMap((p) => p.endpoints) ?? []
  return [...new Map(all.map((e) => [e.id, e])).values()]
}

/** A page of deliveries with all that came after it was read. */
export function deliveriesWith(page: DeliveryPage, key: QueryKey, frames: readonly Envelope[]): DeliveryPage {
  const list: DeliveryList = { pages: [page], pageParams: [''] }
  const after = frames
    .filter((f) => f.type === 'delivery_update')
    .reduce((all, f) => withDelivery(all, key, { ...(f.data as Delivery), seq: f.seq ?? 0 }), list)
  return after.pages[0] ?? page
}

function writeEndpoint(qc: QueryClient, frame: EndpointFrame, seq: number): boolean {
  write<Endpoint | null>(qc, keys.endpoint(frame.id), (known) =>
    known && known.seq < seq ? (frame.deleted ? null : { ...frame, seq }) : known,
  )
  const list = qc.getQueryData<EndpointList>(keys.endpoints)
  if (!list) return false
  const isListed = endpointsOf(list).some((e) => e.id === frame.id)
  write<EndpointList>(qc, keys.endpoints, (all) => all && withEndpoint(all, frame, seq))
  return !isListed && seq > (list.pages[0]?.seq ?? 0)
}

/** The pages after a change of one endpoint: in its place, on top if it is on none yet, gone if it was deleted. */
export function withEndpoint(list: EndpointList, frame: EndpointFrame, seq: number): EndpointList {
  const [first] = list.pages
  const known = endpointsOf(list).find((e) => e.id === frame.id)
  if (!first || seq <= first.seq || (known && known.seq >= seq)) return list
  if (!known && frame.deleted) return list
  const now = serverClock.now()
  const next = frame.deleted ? null : { ...frame, seq, health: healthOf(frame, now) }
  const pages = list.pages.map((page) => ({
    ...page,
    endpoints: page.endpoints.flatMap((e) => (e.id === frame.id ? (next ?? []) : e)),
  }))
  // Of one that is on no page the server counts: it knows how it did before.
  const top = known ? recounted(pages[0] ?? first, known, next, now) : (pages[0] ?? first)
  const endpoints = known || !next ? top.endpoints : [next, ...top.endpoints]
  return { ...list, pages: [{ ...top, endpoints }, ...pages.slice(1)] }
}

/** A subscription became live at a position: what was read before it may lack what happened in between. */
export function fetchBefore(qc: QueryClient, seq: number): void {
  const isBehind = (data: unknown) => {
    const pages = (data as DeliveryList | undefined)?.pages
    const read = pages?.[0]?.seq
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
