import type { InfiniteData, QueryClient, QueryKey } from '@tanstack/react-query'
import { fold, isNewer, merge } from './change'
import type { Change } from './change'
import { withCounters } from './counters'
import type { Counters } from './counters'
import type { Filters } from './filters'
import { filtersOfKey, liveKeys } from './keys'
import { applyChanges } from './list'
import type { LivePage } from './list'
import { claim } from './outgoing'
import type { Outgoing } from './outgoing'
import type { ApiEvent, Summary } from './types'

/** What the cache of a list holds. */
export type EventList = InfiniteData<LivePage, string>

/** The list with other pages; its cursors stay those it was fetched by. */
export function withPages(list: EventList, pages: LivePage[]): EventList {
  return { pages, pageParams: list.pageParams.slice(0, pages.length) }
}

/** Writes into a cache. One that has to be fetched again still has to: by itself setQueryData makes it count as fresh. */
export function write<T>(
  qc: QueryClient,
  queryKey: QueryKey,
  change: (data: T | undefined) => T | undefined,
): void {
  const isOld = qc.getQueryState(queryKey)?.isInvalidated
  qc.setQueryData<T>(queryKey, change)
  if (isOld) qc.getQueryCache().find({ queryKey })?.invalidate()
}

/** Changes every cached list; the others keep their objects. */
export function updateLists(
  qc: QueryClient,
  change: (pages: LivePage[], filters: Filters) => LivePage[],
): void {
  for (const [key, data] of qc.getQueriesData<EventList>({ queryKey: liveKeys.lists })) {
    if (data) write<EventList>(qc, key, () => withPages(data, change(data.pages, filtersOfKey(key))))
  }
}

/** Writes changes of events into all caches; gives the ids of events that have to be fetched. */
export function writeChanges(qc: QueryClient, changes: readonly Change[]): string[] {
  const missing = new Set<string>()
  updateLists(qc, (pages, filters) => {
    const applied = applyChanges(pages, changes, filters)
    for (const id of applied.missing) missing.add(id)
    return applied.pages
  })
  qc.setQueryData<readonly Outgoing[]>(liveKeys.outgoing, (out) => out && claim(out, changes))
  for (const change of fold(changes).values()) {
    write<ApiEvent | null>(qc, liveKeys.event(change.id), (event) => event && eventAfter(event, change))
  }
  return [...missing]
}

/** An event after a change of it; null: it was deleted. */
export function eventAfter(event: ApiEvent, change: Change): ApiEvent | null {
  if (!isNewer(change, event.seq)) return event
  return change.kind === 'deleted' ? null : merge(event, change)
}

/** Writes the counters of a metrics_update. */
export function writeCounters(qc: QueryClient, counters: Counters, seq: number | undefined): void {
  write<Summary>(qc, liveKeys.summary, (summary) => withCounters(summary, counters, seq))
}
