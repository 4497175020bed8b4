import { useVirtualizer } from '@tanstack/react-virtual'
import { ArrowUp } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import type { ReactNode, RefObject } from 'react'
import { holdRows } from '../app/events/held'
import type { Row } from '../lib/query/outgoing'
import { count } from '../app/format'
import { useIsNarrow } from '../app/narrow'
import { EventRow } from './EventRow'
import { focusOpener } from './opener'
import { useAttention } from './useAttention'
import styles from './EventTable.module.css'
import { Button } from './ui/Button'
import { Skeleton } from './ui/Skeleton'

interface EventTableProps {
  rows: readonly Row[]
  activeId: string | null
  selected: ReadonlySet<string>
  hrefOf: (id: string) => string
  onOpen: (id: string) => void
  onSelect: (id: string, isRange: boolean) => void
  onSelectAll: () => void
  /** The reader is near the end. */
  onEnd: () => void
  /** An event is open beside the list: there is little room, and its row must not be pushed away. */
  isReading: boolean
  /** Nothing is known of the rows yet. */
  isLoading: boolean
  /** Stands below the last row. */
  end: ReactNode
}

const ROW_PX = { wide: 40, narrow: 60 }
/** As many as a large screen shows. */
const LOADING_ROWS = 50
const NEAR_END_ROWS = 20
const ANCHORS = 50
const TOP_PX = 4
const HEAD_PX = { wide: 32, narrow: 0 }

/** The live list: only what can be seen is in the page, and what is being read does not move. */
export function EventTable(props: EventTableProps) {
  const { rows: all, activeId, selected, onEnd } = props
  const scroll = useRef<HTMLDivElement>(null)
  const { isAttended, ...attention } = useAttention(all)
  const { rows, fresh, onScroll, toTop } = useHeldRows(props, scroll, isAttended || selected.size > 0)
  const width = useIsNarrow() ? 'narrow' : 'wide'
  const height = ROW_PX[width]
  // Its functions read the scroll position, so a compiler must not keep their results; nobody compiles this.
  // eslint-disable-next-line react-hooks/incompatible-library
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => height,
    getItemKey: (index) => rows[index]?.id ?? index,
    overscan: 8,
    // The head stays at the top, above the rows.
    paddingStart: HEAD_PX[width],
    useFlushSync: false,
  })
  const items = virtual.getVirtualItems()
  const lastShown = items[items.length - 1]?.index ?? 0
  useEffect(() => virtual.measure(), [virtual, height])
  useEffect(() => {
    if (rows.length > 0 && lastShown >= rows.length - NEAR_END_ROWS) onEnd()
  }, [lastShown, rows.length, onEnd])
  const activeAt = activeId === null ? -1 : rows.findIndex((row) => row.id === activeId)
  const isListed = activeAt >= 0
  const shownId = useRef(activeId)
  useEffect(() => {
    if (isListed) bringIntoView(scroll.current, activeAt, height, HEAD_PX[width])
    // The row that j and k move to takes the focus, so that it is read out and can be pressed.
    if (activeId !== null && activeId !== shownId.current) focusOpener(activeId)
    shownId.current = activeId
    // Only when another row becomes the active one, or the list with it has come; not when rows come in above it.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [activeId, isListed])
  return (
    <div className={styles.wrap} data-compact={props.isReading} {...attention}>
      {fresh > 0 && (
        <Button tone="primary" className={styles.pill ?? ''} onClick={toTop} data-testid="new-events">
          <ArrowUp size={14} aria-hidden /> {count(fresh)} new
        </Button>
      )}
      <div ref={scroll} className={styles.scroll} onScroll={onScroll} data-testid="event-scroll">
        <div role="table" aria-label="Events" aria-rowcount={all.length + 1}>
          <Head all={all.length > 0 && selected.size >= all.length} onSelectAll={props.onSelectAll} />
          <div className={styles.body} role="rowgroup" style={{ height: virtual.getTotalSize() }}>
            {items.map((item) => {
              const row = rows[item.index]
              return (
                row && (
                  <EventRow
                    key={item.key}
                    row={row}
                    top={item.start}
                    height={height}
                    index={item.index + 1 + fresh}
                    active={row.id === activeId}
                    selected={selected.has(row.id)}
                    href={props.hrefOf(row.id)}
                    onOpen={props.onOpen}
                    onSelect={props.onSelect}
                  />
                )
              )
            })}
          </div>
        </div>
        {props.isLoading ? (
          <Skeleton lines={LOADING_ROWS} height={height} inset label="Loading events…" />
        ) : (
          <div className={styles.end}>{props.end}</div>
        )}
      </div>
    </div>
  )
}

/** Scrolls as little as it takes, by whole rows: none is left half under the head. */
function bringIntoView(box: HTMLElement | null, index: number, row: number, head: number): void {
  if (!box) return
  const first = box.scrollTop / row
  const fit = Math.max(1, Math.floor((box.clientHeight - head) / row))
  if (index < first) box.scrollTo({ top: index * row })
  else if (index + 1 > first + fit) box.scrollTo({ top: (index + 1 - fit) * row })
}

const anchorsOf = (rows: readonly Row[]) => rows.slice(0, ANCHORS).map((row) => row.id)

// Rows that come in are held back while the reader is further down, reads an event beside the list, or attends to rows.
function useHeldRows(
  { rows: all, activeId, isReading }: EventTableProps,
  scroll: RefObject<HTMLElement | null>,
  isAttended: boolean,
) {
  const [isAway, setAway] = useState(false)
  const [anchors, setAnchors] = useState<readonly string[] | null>(null)
  const [lastActive, setLastActive] = useState(activeId)
  const held = holdRows(all, anchors)
  const isHeld = isAway || isReading || isAttended
  // Attention alone lets go by itself.
  const [isKept, setKept] = useState(false)
  if ((isAway || isReading) && !isKept) setKept(true)
  if (isHeld && !anchors?.length && all.length > 0) setAnchors(anchorsOf(all))
  // Nothing moves because a panel closes: what was held back comes when the reader asks for it.
  if (!isHeld && anchors && (held.fresh === 0 || !isKept)) {
    setAnchors(null)
    setKept(false)
  }
  if (activeId !== lastActive) {
    setLastActive(activeId)
    // With k the reader has moved on to a row that was held back.
    const isHeldBack = all.slice(0, held.fresh).some((row) => row.id === activeId)
    if (isHeldBack) setAnchors(anchorsOf(all))
  }
  const onScroll = () => {
    const isNowAway = (scroll.current?.scrollTop ?? 0) > TOP_PX
    if (isNowAway === isAway) return
    setAway(isNowAway)
    if (!isNowAway && !isReading) setAnchors(null)
  }
  const toTop = () => {
    setAway(false)
    setKept(isReading)
    setAnchors(isReading || isAttended ? anchorsOf(all) : null)
    scroll.current?.scrollTo({ top: 0 })
  }
  return { ...held, onScroll, toTop }
}

function Head({ all, onSelectAll }: { all: boolean; onSelectAll: () => void }) {
  return (
    <div role="row" aria-rowindex={1} className={styles.head}>
      <span role="columnheader" className={styles.check}>
        <input type="checkbox" aria-label="Select all loaded events" checked={all} onChange={onSelectAll} />
      </span>
      <span role="columnheader">Type</span>
      <span role="columnheader" className={styles.source}>
        Source
      </span>
      <span role="columnheader">Status</span>
      <span role="columnheader" className={styles.payload}>
        Payload
      </span>
      <span role="columnheader" className={`${styles.right} ${styles.latency}`}>
        Latency
      </span>
      <span role="columnheader" className={`${styles.right} ${styles.created}`}>
        Created
      </span>
    </div>
  )
}
