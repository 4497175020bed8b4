import { QueryClient } from '@tanstack/react-query'
import { ApiProblem } from './api/problem'
import type { Range } from './api/types'
import { LIVE, liveKeys } from '../lib/query/keys'

/** The names of the caches. */
export const keys = {
  ...liveKeys,
  allLatency: [LIVE, 'latency'] as const,
  allThroughput: [LIVE, 'throughput'] as const,
  latency: (range: Range) => [LIVE, 'latency', range] as const,
  throughput: (range: Range) => [LIVE, 'throughput', range] as const,
  errors: [LIVE, 'errors'] as const,
  endpoints: [LIVE, 'endpoints'] as const,
  allDeliveries: [LIVE, 'deliveries'] as const,
  deliveries: (endpoint: string, status: string) =>
    [LIVE, 'deliveries', 'endpoint', endpoint, status] as const,
  eventDeliveries: (event: string) => [LIVE, 'deliveries', 'event', event] as const,
  attempts: (delivery: string) => [LIVE, 'attempts', delivery] as const,
  allRecoveries: [LIVE, 'recoveries'] as const,
  recoveries: (endpoint: string) => [LIVE, 'recoveries', endpoint] as const,
  receiver: [LIVE, 'receiver'] as const,
  receiverLog: (verified: string) => [LIVE, 'receiver', verified] as const,
  endpoint: (id: string) => [LIVE, 'endpoint', id] as const,
  /** Endpoints by id, as deliveries name them. */
  named: (ids: readonly string[]) => [LIVE, 'named-endpoints', ...ids] as const,
  operations: [LIVE, 'operations'] as const,
  operable: (selection: object | null) => ['operable', selection] as const,
  config: ['config'] as const,
  identity: ['identity'] as const,
}

// Trying again what the server has refused gives the same answer; only its own faults may pass.
function mayRetry(count: number, error: unknown): boolean {
  const refused = error instanceof ApiProblem && error.status > 0 && error.status < 500
  return !refused && count < 2
}

/** The cache of the page. It never refetches by itself: the connection, or the one poll, says when. */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: Infinity,
        gcTime: 300_000,
        retry: mayRetry,
        refetchOnWindowFocus: false,
        refetchOnReconnect: false,
        networkMode: 'always',
      },
      mutations: { networkMode: 'always', retry: false },
    },
  })
}
