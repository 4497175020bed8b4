import { Inbox } from 'lucide-react'
import { Link } from 'wouter'
import type { Row } from '../lib/query/outgoing'
import { useLiveEvents } from '../lib/query/useLiveEvents'
import styles from './LatestEvents.module.css'
import { Moment } from './Moment'
import { Panel } from './Panel'
import panel from './Panel.module.css'
import { PartProblem } from './PartProblem'
import { useShell } from './shellContext'
import { StatusBadge } from './StatusBadge'
import { Button } from './ui/Button'
import { Notice } from './ui/Notice'
import { Skeleton } from './ui/Skeleton'

const SHOWN = 10

/** The newest events, live. */
export function LatestEvents() {
  const { events, query: list } = useLiveEvents()
  const { openSend } = useShell()
  const rows = events.slice(0, SHOWN)
  return (
    <Panel title="Latest events" aside={<Link href="/events">All events</Link>} testId="latest-events">
      {list.error && !list.data ? <PartProblem error={list.error} /> : null}
      {list.isPending && <Skeleton lines={SHOWN} height={41} />}
      {list.data && rows.length === 0 && (
        <Notice icon={<Inbox size={24} aria-hidden />} title="No events yet">
          <p>Send the first one and watch it appear here, and in every other tab.</p>
          <Button onClick={() => openSend()}>Send the first event</Button>
        </Notice>
      )}
      <ul>
        {rows.map((row) => (
          <li
            key={row.id}
            className={panel.row}
            data-testid="event-row"
            data-event-id={row.id}
            data-status={row.sending ? 'sending' : row.status}
          >
            <LatestRow row={row} />
          </li>
        ))}
      </ul>
    </Panel>
  )
}

const line = `${panel.line} ${styles.line}`

function LatestRow({ row }: { row: Row }) {
  const cells = (
    <>
      <span className={panel.cut}>
        {row.type} <span className={styles.muted}>{row.source}</span>
      </span>
      <StatusBadge status={row.sending ? 'sending' : row.status} />
      <span className={styles.time}>
        <Moment at={row.created_at} />
      </span>
    </>
  )
  if (row.sending) return <div className={line}>{cells}</div>
  return (
    <Link className={line} href={`/events?event=${encodeURIComponent(row.id)}`}>
      {cells}
    </Link>
  )
}
