import type { InfiniteData, QueryClient, QueryKey } from '@tanstack/react-query'
import type { ApiEvent, ErrorFigures, Latency, Summary, Throughput } from '../api/types'
import { filtersOf } from '../../lib/query/filters'
import type { Filters } from '../../lib/query/filters'
import type { Outgoing } from '../../lib/query/outgoing'
import { claim } from '../../lib/query/outgoing'
import { applyChanges } from '../../lib/query/list'
import type { LivePage } from '../../lib/query/list'
import { tally, withCounters, withHeadline, withLatency, withThroughput } from '../metrics/figures'
import type { Counters } from '../metrics/figures'
import { withFailures } from '../metrics/topErrors'
import { keys } from '../queries'
import { fold, isNewer, merge } from '../../lib/query/change'
import type { Change } from '../../lib/query/change'

export type EventList = InfiniteData<LivePage, string>

/** The filters a list was asked for with. */
export function filtersOfKey(key: QueryKey): Filters {
  const query = key[2]
  return filtersOf(new URLSearchParams(typeof query === 'string' ? query : ''))
}

/** Changes every cached list; the others keep their objects. */
export function updateLists(
  qc: QueryClient,
  change: (pages: LivePage[], filters: Filters) => LivePage[],
): void {
  for (const [key, data] of qc.getQueriesData<EventList>({ queryKey: keys.lists })) {
    if (!data) continue
    const pages = change(data.pages, filtersOfKey(key))
    qc.setQueryData<EventList>(key, { pages, pageParams: data.pageParams.slice(0, pages.length) })
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
  qc.setQueryData<readonly Outgoing[]>(keys.outgoing, (out) => out && claim(out, changes))
  writeOpenEvents(qc, changes)
  writeFigures(qc, changes)
  return [...missing]
}

function writeOpenEvents(qc: QueryClient, changes: readonly Change[]): void {
  for (const change of fold(changes).values()) {
    qc.setQueryData<ApiEvent | null>(keys.event(change.id), (event) => {
      if (!event || !isNewer(change, event.seq)) return event
      return change.kind === 'deleted' ? null : merge(event, change)
    })
  }
}

function writeFigures(qc: QueryClient, changes: readonly Change[]): void {
  const after = (seq: number | undefined) =>
    tally(seq === undefined ? changes : changes.filter((c) => isNewer(c, seq)))
  for (const range of ['15m', '1h', '24h'] as const) {
    qc.setQueryData<Throughput>(keys.throughput(range), (t) => t && withThroughput(t, after(t.seq)))
    qc.setQueryData<Latency>(keys.latency(range), (l) => l && withLatency(l, after(l.seq)))
  }
  qc.setQueryData<ErrorFigures>(keys.errors, (figures) => figures && withFailures(figures, changes))
}

/** Writes the counters of a metrics_update. */
export function writeCounters(qc: QueryClient, counters: Counters, seq: number | undefined): void {
  qc.setQueryData<Summary>(keys.summary, (summary) => withCounters(summary, counters, seq))
  qc.setQueryData<Latency>(keys.latency('1h'), (l) => l && withHeadline(l, counters))
  const perMinute = counters.events_per_minute
  if (perMinute === undefined) return
  qc.setQueryData<Throughput>(keys.throughput('1h'), (t) => t && { ...t, events_per_minute: perMinute })
}
