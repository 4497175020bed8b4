import { Inbox, Lock, Search } from 'lucide-react'
import { asProblem } from '../app/api/problem'
import { isNarrowed } from '../lib/query/filters'
import type { Filters } from '../lib/query/filters'
import type { useLiveEvents } from '../lib/query/useLiveEvents'
import { count } from '../app/format'
import { useShell } from './shellContext'
import { Button } from './ui/Button'
import { Notice } from './ui/Notice'

interface ListEndProps {
  list: ReturnType<typeof useLiveEvents>['query']
  rows: number
  filters: Filters
}

/** What stands below the rows: why there are none, what is being fetched, or that this was all. */
export function ListEnd({ list, rows, filters }: ListEndProps) {
  const { openSend } = useShell()
  if (list.error && asProblem(list.error).status === 403) {
    return <Notice icon={<Lock size={24} aria-hidden />} title="Events are not shown to your API key" />
  }
  if (list.error) return null
  if (list.isFetchingNextPage) return <p role="status">Loading more…</p>
  if (rows === 0 && isNarrowed(filters)) {
    return (
      <Notice icon={<Search size={24} aria-hidden />} title="No event matches">
        <p>New events that match will appear here by themselves.</p>
      </Notice>
    )
  }
  if (rows === 0) {
    return (
      <Notice icon={<Inbox size={24} aria-hidden />} title="No events yet">
        <p>Send the first one and watch it appear here, and in every other tab.</p>
        <Button onClick={() => openSend()}>Send the first event</Button>
      </Notice>
    )
  }
  return list.hasNextPage ? null : <p>{rows === 1 ? '1 event' : `${count(rows)} events`}, that is all.</p>
}
