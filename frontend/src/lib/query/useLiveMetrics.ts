'use client'

import { useQuery } from '@tanstack/react-query'
import { useLive } from './context'
import { FOLLOWED } from './followed'
import { liveKeys } from './keys'

/** The counters, kept live; `query` is TanStack's result. */
export function useLiveMetrics() {
  const { api, enabled } = useLive()
  const query = useQuery({
    ...FOLLOWED,
    queryKey: liveKeys.summary,
    enabled,
    queryFn: ({ signal }) => api.summary(signal),
  })
  return { metrics: query.data, query }
}
