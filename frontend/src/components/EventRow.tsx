import { memo } from 'react'
import type { CSSProperties } from 'react'
import type { Row } from '../lib/query/outgoing'
import { payloadText } from '../lib/texts'
import { seconds } from '../app/format'
import { shownName } from '../app/names'
import styles from './EventTable.module.css'
import { Moment } from './Moment'
import { onLinkClick, rowClicks } from './rowLink'
import { StatusBadge } from './StatusBadge'

export interface EventRowProps {
  row: Row
  top: number
  height: number
  /** Its place in the list, from 1. */
  index: number
  active: boolean
  selected: boolean
  /** Where it is read: a link that opens in another tab, too. */
  href: string
  onOpen: (id: string) => void
  /** `isRange`: all from the one before to this one. */
  onSelect: (id: string, isRange: boolean) => void
}

const PREVIEW = 160

function previewOf(row: Row): string {
  if (row.payload_truncated) return 'large payload'
  return row.payload_problem ? `payload ${row.payload_problem}` : payloadText(row).slice(0, PREVIEW)
}

/** One event in the table. */
export const EventRow = memo(function EventRow(props: EventRowProps) {
  const { row, top, height, index, active, selected, href, onOpen, onSelect } = props
  const style: CSSProperties = { height, transform: `translateY(${top}px)` }
  const clicks = rowClicks(
    href,
    () => onOpen(row.id),
    () => onSelect(row.id, true),
  )
  return (
    <div
      role="row"
      aria-rowindex={index + 1}
      className={styles.row}
      style={style}
      data-testid="event-row"
      data-event-id={row.id}
      data-status={row.sending ? 'sending' : row.status}
      data-sending={row.sending ?? false}
      data-active={active}
      {...(row.sending ? {} : clicks)}
    >
      <span role="cell" className={styles.check} onClick={(e) => e.stopPropagation()}>
        <input
          type="checkbox"
          aria-label={`Select ${row.id}`}
          checked={selected}
          disabled={row.sending}
          onChange={({ nativeEvent: e }) => onSelect(row.id, e instanceof MouseEvent && e.shiftKey)}
        />
      </span>
      <span role="cell" className={styles.cell}>
        {row.sending ? (
          <span className={styles.open}>{row.type}</span>
        ) : (
          <a className={styles.open} href={href} title={row.type} data-opens={row.id} onClick={onLinkClick}>
            {row.type}
          </a>
        )}
      </span>
      <span
        role="cell"
        className={`${styles.cell} ${styles.muted} ${styles.source}`}
        title={shownName(row.source)}
      >
        {shownName(row.source)}
      </span>
      <span role="cell" className={styles.cell} title={row.error_message ?? undefined}>
        <StatusBadge status={row.sending ? 'sending' : row.status} />
      </span>
      <span role="cell" className={`${styles.cell} ${styles.payload}`}>
        {previewOf(row)}
      </span>
      <span
        role="cell"
        className={`${styles.cell} ${styles.right} ${styles.latency}`}
        title="Created to delivered"
      >
        {row.delivery_latency_ms === null ? '–' : seconds(row.delivery_latency_ms / 1000)}
      </span>
      <span role="cell" className={`${styles.cell} ${styles.right} ${styles.muted} ${styles.created}`}>
        <Moment at={row.created_at} />
      </span>
    </div>
  )
})
