import { useQuery } from '@tanstack/react-query'
import type { Range } from './api/types'
import { useAuth } from './auth/context'
import { useLive } from './live/context'
import { caughtUp, withLatency, withThroughput } from './metrics/figures'
import { keys } from './queries'

export function useLatency(range: Range) {
  const { api } = useAuth()
  const { sync } = useLive()
  return useQuery({
    queryKey: keys.latency(range),
    queryFn: async ({ signal }) => caughtUp(await api.latency(range, signal), sync.journal, withLatency),
  })
}

export function useThroughput(range: Range) {
  const { api } = useAuth()
  const { sync } = useLive()
  return useQuery({
    queryKey: keys.throughput(range),
    queryFn: async ({ signal }) =>
      caughtUp(await api.throughput(range, signal), sync.journal, withThroughput),
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
