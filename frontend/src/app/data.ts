import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { ApiProblem } from './api/problem'
import type { ApiEvent, Range } from './api/types'
import { useAuth } from './auth/context'
import { queryOf } from '../lib/query/filters'
import type { Filters } from '../lib/query/filters'
import type { Outgoing } from '../lib/query/outgoing'
import { applyChanges, livePage, nextCursor } from '../lib/query/list'
import { useLive } from './live/context'
import { tally, withLatency, withThroughput } from './metrics/figures'
import { keys } from './queries'

const PAGE_SIZE = 100

/** The events that match, page by page, newest first, kept live. */
export function useEventList(filters: Filters) {
  const { api } = useAuth()
  const { sync } = useLive()
  return useInfiniteQuery({
    queryKey: keys.list(filters),
    initialPageParam: '',
    queryFn: async ({ pageParam, signal }) => {
      const query = queryOf(filters)
      query.set('limit', String(PAGE_SIZE))
      if (pageParam) query.set('starting_after', pageParam)
      const page = livePage(await api.listEvents(query, signal))
      // What came over the WebSocket while the request was under way. A later page gains no rows from it.
      const { changes } = sync.journal.since(page.seq)
      const known = new Set(page.events.map((e) => e.id))
      const relevant = pageParam ? changes.filter((c) => known.has(c.id)) : changes
      return applyChanges([page], relevant, filters).pages[0] ?? page
    },
    getNextPageParam: (_last, pages) => nextCursor(pages),
  })
}

/** What is being sent right now. */
export function useOutgoing(): readonly Outgoing[] {
  const { data } = useQuery<readonly Outgoing[]>({
    queryKey: keys.outgoing,
    queryFn: () => [],
    initialData: [],
    gcTime: Infinity,
  })
  return data
}

/** One event, whole; null: it was deleted. */
export function useEvent(id: string | null) {
  const { api } = useAuth()
  return useQuery<ApiEvent | null>({
    queryKey: keys.event(id ?? ''),
    enabled: id !== null,
    queryFn: async ({ signal }) => {
      try {
        return await api.getEvent(id ?? '', signal)
      } catch (error) {
        if (error instanceof ApiProblem && error.status === 404) return null
        throw error
      }
    },
  })
}

export function useSummary() {
  const { api } = useAuth()
  return useQuery({ queryKey: keys.summary, queryFn: ({ signal }) => api.summary(signal) })
}

export function useLatency(range: Range) {
  const { api } = useAuth()
  const { sync } = useLive()
  return useQuery({
    queryKey: keys.latency(range),
    queryFn: async ({ signal }) => {
      const latency = await api.latency(range, signal)
      if (latency.seq === undefined) return latency
      return withLatency(latency, tally(sync.journal.since(latency.seq).changes))
    },
  })
}

export function useThroughput(range: Range) {
  const { api } = useAuth()
  const { sync } = useLive()
  return useQuery({
    queryKey: keys.throughput(range),
    queryFn: async ({ signal }) => {
      const throughput = await api.throughput(range, signal)
      if (throughput.seq === undefined) return throughput
      return withThroughput(throughput, tally(sync.journal.since(throughput.seq).changes))
    },
  })
}

export function useErrorFigures() {
  const { api } = useAuth()
  return useQuery({ queryKey: keys.errors, queryFn: ({ signal }) => api.errors(signal) })
}

export function useServerConfig() {
  const { api } = useAuth()
  return useQuery({ queryKey: keys.config, queryFn: ({ signal }) => api.config(signal) })
}
