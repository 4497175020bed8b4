import type { QueryKey } from '@tanstack/react-query'
import { filtersOf, queryOf } from './filters'
import type { Filters } from './filters'

/** Every query that follows the server's changes begins with this word. */
export const LIVE = 'apier'

/** The names of the caches; for invalidating, prefetching and reading them by hand. */
export const liveKeys = {
  all: [LIVE] as const,
  lists: [LIVE, 'events'] as const,
  list: (filters: Filters) => [LIVE, 'events', queryOf(filters).toString()] as const,
  event: (id: string) => [LIVE, 'event', id] as const,
  summary: [LIVE, 'summary'] as const,
  /** What is being sent right now; no answer of a server, and never fetched. */
  outgoing: ['apier-outgoing'] as const,
}

/** The filters a list was asked for with. */
export function filtersOfKey(key: QueryKey): Filters {
  const query = key[2]
  return filtersOf(new URLSearchParams(typeof query === 'string' ? query : ''))
}
