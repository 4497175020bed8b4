import { useQueryClient } from '@tanstack/react-query'
import { useMemo } from 'react'
import type { EventList } from '../../lib/query/caches'
import { keys } from '../queries'

const ROWS_READ = 500

/** The types and sources among the events this page has seen, most recent first. */
export function useSeen(): { type: string[]; source: string[] } {
  const qc = useQueryClient()
  return useMemo(() => {
    const lists = qc.getQueriesData<EventList>({ queryKey: keys.lists })
    const rows = lists.flatMap(([, data]) => data?.pages.flatMap((p) => p.events.slice(0, ROWS_READ)) ?? [])
    return {
      type: [...new Set(rows.map((row) => row.type))],
      source: [...new Set(rows.map((row) => row.source))],
    }
  }, [qc])
}
