import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query'
import { useEffect, useMemo } from 'react'
import { useAuth } from '../auth/context'
import { useDashboardLive, useLive } from '../live/context'
import { keys } from '../queries'
import { webhooks } from './api'
import { deliveriesWith, endpointsOf, endpointsWith, withEndpoint } from './live'
import type { EndpointList } from './live'
import type { Attempt, Delivery, DeliveryStatus, Endpoint } from './types'

const PAGE_SIZE = 50
const ENDPOINTS_PAGE = 100
const NAMED_AT_ONCE = 100
const EVERY_ENDPOINT = 'endpoint:*'

function pageQuery(startingAfter: string, limit: number): URLSearchParams {
  const query = new URLSearchParams({ limit: String(limit) })
  if (startingAfter) query.set('starting_after', startingAfter)
  return query
}

/** Follows every endpoint and its deliveries for as long as the component is mounted. */
export function useFollowEndpoints(): void {
  const { subscribe, unsubscribe } = useLive().ws
  useEffect(() => {
    void subscribe(EVERY_ENDPOINT)
    return () => void unsubscribe(EVERY_ENDPOINT)
  }, [subscribe, unsubscribe])
}

/** How the endpoints do, as the server counts them, and those that need somebody first, page by page, kept live. */
export function useEndpoints() {
  const { api } = useAuth()
  const { recentWebhooks } = useDashboardLive().follower
  const query = useInfiniteQuery({
    queryKey: keys.endpoints,
    initialPageParam: '',
    queryFn: async ({ pageParam, signal }) => {
      const page = await webhooks.endpoints(api, pageQuery(pageParam, ENDPOINTS_PAGE), signal)
      return endpointsWith(page, recentWebhooks.since(page.seq))
    },
    getNextPageParam: (last) => (last.has_more ? last.endpoints[last.endpoints.length - 1]?.id : undefined),
    // Nobody follows them on other pages, so what is in the cache may be old.
    refetchOnMount: 'always',
  })
  const endpoints = useMemo(() => endpointsOf(query.data), [query.data])
  return { query, endpoints, health: query.data?.pages[0] }
}

/** Every endpoint, for a choice among them: page after page is fetched until all are there. */
export function useAllEndpoints(): readonly Endpoint[] {
  const { query, endpoints } = useEndpoints()
  const { hasNextPage, isFetching, isError, fetchNextPage } = query
  useEffect(() => {
    if (hasNextPage && !isFetching && !isError) void fetchNextPage()
  }, [hasNextPage, isFetching, isError, fetchNextPage])
  return endpoints
}

/** One endpoint, kept live; null: it was deleted, or never was. */
export function useEndpoint(id: string | null) {
  const { api } = useAuth()
  return useQuery<Endpoint | null>({
    queryKey: keys.endpoint(id ?? ''),
    enabled: id !== null,
    queryFn: ({ signal }) => webhooks.endpoint(api, id ?? '', signal),
    refetchOnMount: 'always',
  })
}

/** Endpoints by id, a hundred at a time; those that are not in the answer were deleted. */
export function useNamedEndpoints(ids: readonly string[]) {
  const { api } = useAuth()
  const sorted = [...new Set(ids)].sort()
  return useQuery({
    queryKey: keys.named(sorted),
    enabled: sorted.length > 0,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const found = new Map<string, Endpoint>()
      for (let i = 0; i < sorted.length; i += NAMED_AT_ONCE) {
        const { endpoints } = await webhooks.named(api, sorted.slice(i, i + NAMED_AT_ONCE), signal)
        for (const e of endpoints) found.set(e.id, e)
      }
      return { asked: new Set(sorted), found }
    },
  })
}

/** The deliveries of an endpoint, newest first, page by page, kept live. */
export function useDeliveries(endpoint: string, status: DeliveryStatus | '') {
  const { api } = useAuth()
  const { recentWebhooks } = useDashboardLive().follower
  const queryKey = keys.deliveries(endpoint, status)
  return useInfiniteQuery({
    queryKey,
    initialPageParam: '',
    queryFn: async ({ pageParam, signal }) => {
      const query = new URLSearchParams({ limit: String(PAGE_SIZE) })
      if (status) query.set('status', status)
      if (pageParam) query.set('starting_after', pageParam)
      const page = await webhooks.deliveries(api, endpoint, query, signal)
      // A later page gains no rows from what came meanwhile; those stand on the first.
      return pageParam ? page : deliveriesWith(page, queryKey, recentWebhooks.since(page.seq))
    },
    getNextPageParam: (last) => (last.has_more ? last.deliveries[last.deliveries.length - 1]?.id : undefined),
    refetchOnMount: 'always',
  })
}

/** Where one event goes. */
export function useEventDeliveries(event: string) {
  const { api } = useAuth()
  const { recentWebhooks } = useDashboardLive().follower
  const queryKey = keys.eventDeliveries(event)
  return useInfiniteQuery({
    queryKey,
    initialPageParam: '',
    queryFn: async ({ pageParam, signal }) => {
      const page = await webhooks.ofEvent(api, event, pageQuery(pageParam, PAGE_SIZE), signal)
      return pageParam ? page : deliveriesWith(page, queryKey, recentWebhooks.since(page.seq))
    },
    getNextPageParam: (last) => (last.has_more ? last.deliveries[last.deliveries.length - 1]?.id : undefined),
    refetchOnMount: 'always',
  })
}

export function useAttempts(delivery: string) {
  const { api } = useAuth()
  return useQuery({
    queryKey: keys.attempts(delivery),
    queryFn: async ({ signal }) => (await webhooks.attempts(api, delivery, signal)).attempts,
    refetchOnMount: 'always',
  })
}

export function useRecoveries(endpoint: string) {
  const { api } = useAuth()
  return useQuery({
    queryKey: keys.recoveries(endpoint),
    queryFn: ({ signal }) => webhooks.recoveries(api, endpoint, signal),
    refetchOnMount: 'always',
  })
}

export function useReceiverLog(verified: '' | 'true' | 'false') {
  const { api } = useAuth()
  return useInfiniteQuery({
    queryKey: keys.receiverLog(verified),
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) => {
      const query = new URLSearchParams({ limit: String(PAGE_SIZE) })
      if (verified) query.set('verified', verified)
      if (pageParam) query.set('starting_after', pageParam)
      return webhooks.logs(api, query, signal)
    },
    getNextPageParam: (last) => (last.has_more ? last.logs[last.logs.length - 1]?.id : undefined),
    refetchOnMount: 'always',
  })
}

/** Changes one endpoint; the list shows the answer at once. */
export function useChangeEndpoint(id: string) {
  const { api } = useAuth()
  const qc = useQueryClient()
  return useMutation({
    mutationFn: (patch: Parameters<typeof webhooks.update>[2]) => webhooks.update(api, id, patch),
    onSuccess: (endpoint) => storeEndpoint(qc, endpoint),
  })
}

/** Puts an endpoint, as an answer has brought it, into the list. */
export function storeEndpoint(qc: ReturnType<typeof useQueryClient>, endpoint: Endpoint): void {
  qc.setQueryData<EndpointList>(keys.endpoints, (list) => list && withEndpoint(list, endpoint, endpoint.seq))
  qc.setQueryData<Endpoint | null>(keys.endpoint(endpoint.id), (known) =>
    known && known.seq > endpoint.seq ? known : endpoint,
  )
  void qc.invalidateQueries({ queryKey: keys.endpoints })
}

export type { Attempt, Delivery, Endpoint }
