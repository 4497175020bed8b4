import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Download } from 'lucide-react'
import { useCallback, useEffect, useRef, useState } from 'react'
import { asProblem } from '../app/api/problem'
import { useAuth } from '../app/auth/context'
import { useEventActions } from '../app/events/actions'
import type { Outcome } from '../app/events/actions'
import { acknowledgeAll, selectionOf, selectionsOf } from '../app/events/operations'
import type { OperationSelection } from '../lib/query/operations'
import type { Row } from '../lib/query/outgoing'
import { useLiveEvents } from '../lib/query/useLiveEvents'
import { useEventsUrl } from '../app/events/useFilters'
import { useSelection } from '../app/events/useSelection'
import { count } from '../app/format'
import { useHotkeys } from '../app/hotkeys'
import { BulkBar } from '../components/BulkBar'
import { Confirm } from '../components/Confirm'
import { EventPanel } from '../components/EventPanel'
import { EventTable } from '../components/EventTable'
import { ExportDialog } from '../components/ExportDialog'
import { FilterBar } from '../components/FilterBar'
import { FilterResult } from '../components/FilterResult'
import { ListEnd } from '../components/ListEnd'
import { OperationBar } from '../components/OperationBar'
import { Problem } from '../components/Problem'
import { useToast } from '../components/toast'
import { Button } from '../components/ui/Button'
import styles from './EventsPage.module.css'

export function EventsPage() {
  const { filters, setFilters, openId, setOpenId, hrefOf } = useEventsUrl()
  const { events: rows, query: list } = useLiveEvents(filters)
  const search = useRef<HTMLInputElement>(null)
  // The reader pressed / on another page.
  useEffect(() => {
    const state = window.history.state as { focus?: string } | null
    if (state?.focus === 'search') search.current?.focus()
  }, [])
  const selection = useSelection()
  const selectable = rows.filter((row) => !row.sending).map((row) => row.id)
  const [erasing, setErasing] = useState<readonly string[] | null>(null)
  const [exporting, setExporting] = useState(false)
  const [matchingFor, setMatchingFor] = useState<string | null>(null)
  const key = JSON.stringify(filters)
  const matching = matchingFor === key ? selectionOf(filters) : null
  const clear = () => {
    setMatchingFor(null)
    selection.clear()
  }
  const act = useActions(clear)
  const [active, setActive] = useListKeys(rows, openId, setOpenId, selection.toggle, () =>
    search.current?.focus(),
  )

  const select = (id: string, isRange: boolean) => {
    setMatchingFor(null)
    if (isRange) selection.extendTo(id, selectable)
    else selection.toggle(id)
  }

  const { hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage } = list
  const onEnd = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage && !isFetchNextPageError) void fetchNextPage()
  }, [hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage])
  const open = useCallback(
    (id: string) => {
      setActive(id)
      setOpenId(id)
    },
    [setActive, setOpenId],
  )
  return (
    <div className={styles.page} data-covered={openId !== null}>
      <FilterBar filters={filters} onChange={setFilters} searchRef={search}>
        <Button className={styles.right ?? ''} onClick={() => setExporting(true)}>
          <Download size={14} aria-hidden /> Export
        </Button>
      </FilterBar>
      <div className={styles.split}>
        <div className={styles.column}>
          <FilterResult
            filters={filters}
            rows={rows.length}
            isLoaded={list.isSuccess}
            hasMore={hasNextPage}
          />
          {list.error && asProblem(list.error).status !== 403 && (
            <div className={styles.error}>
              <Problem error={list.error}>
                <Button onClick={() => void list.refetch()}>Try again</Button>
              </Problem>
            </div>
          )}
          <EventTable
            key={JSON.stringify(filters)}
            rows={rows}
            activeId={active}
            selected={selection.selected}
            hrefOf={hrefOf}
            onOpen={open}
            onSelect={select}
            onSelectAll={() => selection.all(selectable)}
            onEnd={onEnd}
            isReading={openId !== null}
            isLoading={list.isPending}
            end={<ListEnd list={list} rows={rows.length} filters={filters} />}
          />
          {/* Below the rows: they do not move when an operation begins, or the first is selected. */}
          <OperationBar />
          {selection.selected.size > 0 && (
            <BulkBar
              className={styles.bulk}
              size={selection.selected.size}
              matching={matching}
              onSelectMatching={
                hasNextPage && !matching && selection.selected.size >= rows.length
                  ? () => setMatchingFor(key)
                  : undefined
              }
              isBusy={act.isBusy}
              onAcknowledge={() =>
                act.acknowledgeAll(matching ? [matching] : selectionsOf([...selection.selected]))
              }
              onErase={() => setErasing([...selection.selected])}
              onClear={clear}
            />
          )}
        </div>
        {openId && (
          <EventPanel
            id={openId}
            onClose={() => setOpenId(null)}
            onAcknowledge={act.acknowledge}
            onErase={setErasing}
          />
        )}
      </div>
      {erasing && (
        <Confirm
          title={erasing.length === 1 ? 'Delete this event?' : `Delete ${count(erasing.length)} events?`}
          text="The payload is erased for good. This cannot be undone."
          action="Delete"
          onConfirm={() => act.erase(erasing)}
          onClose={() => setErasing(null)}
        />
      )}
      {exporting && <ExportDialog filters={filters} onClose={() => setExporting(false)} />}
    </div>
  )
}

function useActions(onDone: () => void) {
  const actions = useEventActions()
  const { api } = useAuth()
  const qc = useQueryClient()
  const say = useToast()
  const tell = (word: string) => (outcome: Outcome) => {
    if (outcome.problem) return say(outcome.problem, 'error')
    say(`${count(outcome.done)} ${word}`)
    onDone()
  }
  const many = useMutation({
    mutationFn: (selections: readonly OperationSelection[]) => acknowledgeAll(api, qc, selections),
    onSuccess: ({ done, skipped, isStopped, problem }) => {
      if (problem) return say(done > 0 ? `${count(done)} acknowledged, then: ${problem}` : problem, 'error')
      const rest = skipped > 0 ? `, ${count(skipped)} left alone` : ''
      say(`${count(done)} acknowledged${rest}${isStopped ? ', then stopped' : ''}`)
      onDone()
    },
    onError: (error) => say(asProblem(error).message, 'error'),
  })
  return {
    isBusy: many.isPending,
    acknowledgeAll: (selections: readonly OperationSelection[]) => many.mutate(selections),
    acknowledge: (ids: readonly string[]) => void actions.acknowledge(ids).then(tell('acknowledged')),
    erase: (ids: readonly string[]) => void actions.erase(ids).then(tell('deleted')),
  }
}

// j and k move, and take the open event along; Enter opens, Esc closes.
function useListKeys(
  rows: readonly Row[],
  openId: string | null,
  setOpenId: (id: string | null) => void,
  toggle: (id: string) => void,
  focusSearch: () => void,
) {
  const [active, setActive] = useState<string | null>(openId)
  const move = (step: number) => {
    const at = rows.findIndex((row) => row.id === active)
    const next = rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step))]
    if (!next) return
    setActive(next.id)
    if (openId && !next.sending) setOpenId(next.id)
  }
  useHotkeys({
    j: () => move(1),
    k: () => move(-1),
    x: () => active && toggle(active),
    Enter: () => active && setOpenId(active),
    Escape: () => setOpenId(null),
    '/': focusSearch,
  })
  return [active, setActive] as const
}
