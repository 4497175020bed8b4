import { useQuery } from '@tanstack/react-query'
import type { Range } from './api/types'
import { useAuth } from './auth/context'
import { useLive } from './live/context'
import { tally, withLatency, withThroughput } from './metrics/figures'
import { keys } from './queries'

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
