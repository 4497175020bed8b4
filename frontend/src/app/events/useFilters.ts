import { useCallback, useMemo } from 'react'
import { useSearchParams } from 'wouter'
import { filtersOf, queryOf } from '../../lib/query/filters'
import type { Filters } from '../../lib/query/filters'
import { entryState, useOpenInUrl } from '../openInUrl'

// The event that is open stands in the URL too, so that a link leads to it.
const OPEN = 'event'

const TYPED: readonly string[] = ['search', 'type', 'source']

/** The filter that is typed, where it is the only one that differs; undefined: another change. */
function typedFilter(before: Filters, after: Filters): string | undefined {
  const changed = (Object.keys(after) as (keyof Filters)[]).filter((name) => before[name] !== after[name])
  return changed.length === 1 && TYPED.includes(changed[0] ?? '') ? changed[0] : undefined
}

/** The filters and the open event, kept in the URL. Back undoes a change of the filters, and all that was typed into one. */
export function useEventsUrl() {
  const [query, setQuery] = useSearchParams()
  const [openId, setOpenId] = useOpenInUrl(OPEN)
  const text = queryOf(filtersOf(query)).toString()
  // Equal filters stay the same object, whatever else changes in the URL.
  const filters = useMemo(() => filtersOf(new URLSearchParams(text)), [text])
  const setFilters = useCallback(
    (next: Filters) => {
      const typed = typedFilter(filters, next)
      const isMore = typed !== undefined && entryState().typed === typed
      setQuery(
        (before) => {
          const after = queryOf(next)
          const open = before.get(OPEN)
          if (open) after.set(OPEN, open)
          return after
        },
        { replace: isMore, state: typed ? { typed } : null },
      )
    },
    [filters, setQuery],
  )
  const hrefOf = useCallback(
    (id: string) => {
      const query = new URLSearchParams(text)
      query.set(OPEN, id)
      return `/events?${query.toString()}`
    },
    [text],
  )
  return { filters, setFilters, openId, setOpenId, hrefOf }
}
