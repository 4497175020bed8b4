'use client'

import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { useLive } from './context'
import { filtersOf, NO_FILTERS, queryOf } from './filters'
import type { Filters } from './filters'
import { FOLLOWED } from './followed'
import { liveKeys } from './keys'
import { livePage, nextCursor, rowsOf } from './list'
import { withOutgoing } from './outgoing'
import type { Outgoing } from './outgoing'

/**
 * The events that match, newest first, kept live: `events` are the rows, with what is being sent on top;
 * `query` is TanStack's result, with error, isPending, hasNextPage and fetchNextPage.
 */
export function useLiveEvents(filters: Partial<Filters> = {}, { pageSize = 100 } = {}) {
  const { api, enabled } = useLive()
  // Equal filters are the same object, whatever the caller made.
  const text = queryOf({ ...NO_FILTERS, ...filters }).toString()
  const wanted = useMemo(() => filtersOf(new URLSearchParams(text)), [text])
  const query = useInfiniteQuery({
    ...FOLLOWED,
    queryKey: liveKeys.list(wanted),
    enabled,
    initialPageParam: '',
    queryFn: async ({ pageParam, signal }) => {
      const asked = queryOf(wanted)
      asked.set('limit', String(pageSize))
      if (pageParam) asked.set('starting_after', pageParam)
      return livePage(await api.listEvents(asked, signal))
    },
    getNextPageParam: (_last, pages) => nextCursor(pages),
  })
  const outgoing = useOutgoing()
  const pages = query.data?.pages
  const events = useMemo(() => withOutgoing(rowsOf(pages ?? []), outgoing, wanted), [pages, outgoing, wanted])
  return { events, query }
}

/** What is being sent right now. */
function useOutgoing(): readonly Outgoing[] {
  const { data } = useQuery<readonly Outgoing[]>({
    queryKey: liveKeys.outgoing,
    queryFn: () => [],
    initialData: [],
    staleTime: Infinity,
    gcTime: Infinity,
  })
  return data
}
