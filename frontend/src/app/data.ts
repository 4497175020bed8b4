import { useQuery } from '@tanstack/react-query'
import type { ApiEvent, Range } from './api/types'
import { useAuth } from './auth/context'
import { useLive } from './live/context'
import { caughtUp, withLatency, withThroughput } from './metrics/figures'
import { keys } from './queries'

// What leaves by retention is in no frame.
const CORRECTED_EVERY_MS = 300_000

export function useLatency(range: Range) {
  const { api } = useAuth()
  const { sync, paused } = useLive()
  return useQuery({
    queryKey: keys.latency(range),
    queryFn: async ({ signal }) => caughtUp(await api.latency(range, signal), sync.journal, withLatency),
    refetchInterval: paused ? false : CORRECTED_EVERY_MS,
  })
}

export function useThroughput(range: Range) {
  const { api } = useAuth()
  const { sync, paused } = useLive()
  return useQuery({
    queryKey: keys.throughput(range),
    queryFn: async ({ signal }) =>
      caughtUp(await api.throughput(range, signal), sync.journal, withThroughput),
    refetchInterval: paused ? false : CORRECTED_EVERY_MS,
  })
}

export function useErrorFigures() {
  const { api } = useAuth()
  return useQuery({ queryKey: keys.errors, queryFn: ({ signal }) => api.errors(signal) })
}

/**
 * One event, whole, kept live; null once it is deleted. Of an id that leads nowhere the problem says whether it was
 * deleted before, or never was.
 */
export function useEvent(id: string) {
  const { api } = useAuth()
  return useQuery<ApiEvent | null>({
    queryKey: keys.event(id),
    queryFn: ({ signal }) => api.getEvent(id, signal),
  })
}

/** Whom the session stands for. */
export function useIdentity() {
  const { api } = useAuth()
  return useQuery({ queryKey: keys.identity, queryFn: ({ signal }) => api.identity(signal) })
}

export function useServerConfig() {
  const { api } = useAuth()
  return useQuery({ queryKey: keys.config, queryFn: ({ signal }) => api.config(signal) })
}
