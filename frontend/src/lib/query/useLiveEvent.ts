'use client'

import { useQuery } from '@tanstack/react-query'
import { useLive } from './context'
import { FOLLOWED } from './followed'
import { liveKeys } from './keys'
import { asProblem } from './problem'
import type { ApiEvent } from './types'

/** One event, whole, kept live; the data are null once it is deleted. An id of null asks for nothing. */
export function useLiveEvent(id: string | null) {
  const { api, enabled } = useLive()
  return useQuery<ApiEvent | null>({
    ...FOLLOWED,
    queryKey: liveKeys.event(id ?? ''),
    enabled: enabled && id !== null,
    queryFn: async ({ signal }) => {
      try {
        return await api.getEvent(id ?? '', signal)
      } catch (error) {
        if (asProblem(error).status === 404) return null
        throw error
      }
    },
  })
}
