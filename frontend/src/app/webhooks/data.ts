import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { useAuth } from '../auth/context'
import { useDashboardLive, useLive } from '../live/context'
import { keys } from '../queries'
import { webhooks } from './api'
import { deliveriesWith, endpointsWith } from './live'
import type { EndpointList } from './live'
import type { Attempt, Delivery, DeliveryStatus, Endpoint } from './types'

const PAGE_SIZE = 50
const EVERY_ENDPOINT = 'endpoint:*'

/** Follows every endpoint and its deliveries for as long as the component is mounted. */
export function useFollowEndpoints(): void {
  const { subscribe, unsubscribe } = useLive().ws
  useEffect(() => {
    subscribe(EVERY_ENDPOINT)
    return () => void unsubscribe(EVERY_ENDPOINT)
  }, [subscribe, unsubscribe])
}

export function useEndpoints() {
  const { api } = useAuth()
  const { recentWebhooks } = useDashboardLive().follower
  return useQuery({
    queryKey: keys.endpoints,
    queryFn: async ({ signal }) => {
      const list = await webhooks.endpoints(api, signal)
      return endpointsWith(list, recentWebhooks.since(list.seq))
    },
    // Nobody follows them on other pages, so what is in the cache may be old.
    refetchOnMount: 'always',
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
    queryFn: async ({ signal }) => {
      const page = await webhooks.ofEvent(api, event, signal)
      return deliveriesWith(page, queryKey, recentWebhooks.since(page.seq))
    },
    getNextPageParam: () => undefined,
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
  qc.setQueryData<EndpointList>(keys.endpoints, (list) => {
    if (!list) return list
    const isKnown = list.endpoints.some((e) => e.id === endpoint.id)
    const endpoints = isKnown
      ? list.endpoints.map((e) => (e.id === endpoint.id && e.seq <= endpoint.seq ? endpoint : e))
      : [endpoint, ...list.endpoints]
    return { ...list, endpoints }
  })
}

export type { Attempt, Delivery, Endpoint }
