import { CircleCheck, CircleX, ChevronDown, ChevronRight, Inbox } from 'lucide-react'
import { useState } from 'react'
import { useReceiverLog } from '../../app/webhooks/data'
import type { ReceiverLog as Entry } from '../../app/webhooks/types'
import { Badge } from '../Badge'
import type { Look } from '../Badge'
import { Moment } from '../Moment'
import { Problem } from '../Problem'
import { Button } from '../ui/Button'
import { inputClass } from '../ui/Field'
import { Notice } from '../ui/Notice'
import { Body } from './Attempts'
import attempts from './Attempts.module.css'
import list from './DeliveryList.module.css'
import styles from './ReceiverLog.module.css'

type Verified = '' | 'true' | 'false'

/** What POST /api/webhook of this server was sent, newest first. */
export function ReceiverLog({ url }: { url: string }) {
  const [verified, setVerified] = useState<Verified>('')
  const log = useReceiverLog(verified)
  const entries = log.data?.pages.flatMap((p) => p.logs) ?? []
  return (
    <div className={styles.page}>
      <div className={styles.bar}>
        <p>
          Point an endpoint at <code>{url}</code> to watch the round trip.
        </p>
        <select
          aria-label="Entries to show"
          className={`${inputClass} ${styles.select}`}
          value={verified}
          onChange={(e) => setVerified(e.target.value as Verified)}
        >
          <option value="">All</option>
          <option value="true">Accepted</option>
          <option value="false">Refused</option>
        </select>
      </div>
      {log.error && <Problem error={log.error} />}
      {log.isPending && <p role="status">Loading…</p>}
      {log.data && entries.length === 0 && (
        <Notice icon={<Inbox size={24} aria-hidden />} title="Nothing received">
          <p>What comes in will appear here by itself, with the result of its signature check.</p>
        </Notice>
      )}
      <ul className={list.list}>
        {entries.map((entry) => (
          <EntryLine key={entry.id} entry={entry} />
        ))}
      </ul>
      {log.hasNextPage && (
        <Button disabled={log.isFetchingNextPage} onClick={() => void log.fetchNextPage()}>
          Show more
        </Button>
      )}
    </div>
  )
}

function lookOf(entry: Entry): Look {
  if (!entry.verified) return { icon: CircleX, word: 'Refused', tone: 'failed' }
  return { icon: CircleCheck, word: entry.replayed ? 'Accepted again' : 'Accepted', tone: 'delivered' }
}

function EntryLine({ entry }: { entry: Entry }) {
  const [isOpen, setOpen] = useState(false)
  const Arrow = isOpen ? ChevronDown : ChevronRight
  return (
    <li data-testid="receiver-entry" data-verified={entry.verified}>
      <button type="button" className={list.line} aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <Arrow size={14} aria-hidden />
        <span className={list.title}>{entry.event_type ?? entry.webhook_id ?? 'unknown'}</span>
        <Badge look={lookOf(entry)} />
        <span className={list.outcome}>{entry.reason ?? entry.webhook_id ?? ''}</span>
        <span className={list.when}>
          <Moment at={entry.received_at} />
        </span>
      </button>
      {isOpen && (
        <div className={list.open}>
          <dl className={attempts.headers}>
            {Object.keys(entry.headers)
              .sort()
              .map((name) => (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>{entry.headers[name]}</dd>
                </div>
              ))}
          </dl>
          {entry.verified ? (
            <Body label="Body" text={entry.body} />
          ) : (
            <p className={list.muted}>The body of what is refused is not kept.</p>
          )}
        </div>
      )}
    </li>
  )
}
