import { useCallback, useMemo } from 'react'
import { useSearchParams } from 'wouter'
import { filtersOf, queryOf } from '../../lib/query/filters'
import type { Filters } from '../../lib/query/filters'

// The event that is open stands in the URL too, so that a link leads to it.
const OPEN = 'event'

/** The filters and the open event, kept in the URL. */
export function useEventsUrl() {
  const [query, setQuery] = useSearchParams()
  const text = queryOf(filtersOf(query)).toString()
  // Equal filters stay the same object, whatever else changes in the URL.
  const filters = useMemo(() => filtersOf(new URLSearchParams(text)), [text])
  const openId = query.get(OPEN)
  const setFilters = useCallback(
    (next: Filters) =>
      setQuery(
        (before) => {
          const after = queryOf(next)
          const open = before.get(OPEN)
          if (open) after.set(OPEN, open)
          return after
        },
        { replace: true },
      ),
    [setQuery],
  )
  const setOpenId = useCallback(
    (id: string | null) =>
      setQuery(
        (before) => {
          const after = new URLSearchParams(before)
          if (id) after.set(OPEN, id)
          else after.delete(OPEN)
          return after
        },
        { replace: true },
      ),
    [setQuery],
  )
  return { filters, setFilters, openId, setOpenId }
}
