import { Check, SquareTerminal, Trash2 } from 'lucide-react'
import { asProblem, isDeleted } from '../app/api/problem'
import type { ApiEvent } from '../app/api/types'
import { useAuth } from '../app/auth/context'
import { useEvent } from '../app/data'
import { curlOf } from '../app/events/curl'
import { seconds } from '../app/format'
import { shownName } from '../app/names'
import { payloadText } from '../lib/texts'
import { Gone } from './Gone'
import { Moment } from './Moment'
import { PayloadView } from './PayloadView'
import { Problem } from './Problem'
import { SidePanel } from './SidePanel'
import styles from './SidePanel.module.css'
import { StatusBadge } from './StatusBadge'
import { Button } from './ui/Button'
import { useCopy } from './useCopy'
import { EventDeliveries } from './webhooks/EventDeliveries'

interface EventPanelProps {
  id: string
  onClose: () => void
  onAcknowledge: (ids: readonly string[]) => void
  onErase: (ids: readonly string[]) => void
}

/** Everything about one event, beside the list; it follows the event's changes. */
export function EventPanel({ id, onClose, onAcknowledge, onErase }: EventPanelProps) {
  const { data: event, error, isPending } = useEvent(id)
  const problem = error && asProblem(error)
  const isMissing = problem?.status === 404
  return (
    <SidePanel id={id} label="Event" testId="event-panel" heading={event?.type ?? 'Event'} onClose={onClose}>
      {isPending && <p role="status">Loading…</p>}
      {error && !event && !isMissing && <Problem error={error} />}
      {(event === null || isMissing) && (
        <Gone id={id} what="event" isDeleted={event === null || isDeleted(problem)} />
      )}
      {event && (
        <>
          <Actions event={event} onAcknowledge={onAcknowledge} onErase={onErase} />
          <Facts event={event} />
          <EventDeliveries event={event.id} />
          <PayloadView text={payloadText(event)} />
        </>
      )}
    </SidePanel>
  )
}

function Actions({
  event,
  onAcknowledge,
  onErase,
}: Omit<EventPanelProps, 'id' | 'onClose'> & { event: ApiEvent }) {
  const { canWrite } = useAuth()
  const copy = useCopy()
  const curl = () => copy(curlOf(event, window.location.origin), 'Command')
  return (
    <div className={styles.actions}>
      {event.status === 'pending' && (
        <Button disabled={!canWrite} onClick={() => onAcknowledge([event.id])}>
          <Check size={14} aria-hidden /> Acknowledge
        </Button>
      )}
      <Button onClick={curl}>
        <SquareTerminal size={14} aria-hidden /> Copy as curl
      </Button>
      <Button tone="danger" disabled={!canWrite} onClick={() => onErase([event.id])}>
        <Trash2 size={14} aria-hidden /> Delete
      </Button>
    </div>
  )
}

function Facts({ event }: { event: ApiEvent }) {
  const latency = event.delivery_latency_ms
  return (
    <dl className={styles.facts}>
      <dt>Status</dt>
      <dd>
        <StatusBadge status={event.status} />
      </dd>
      {event.error_message && (
        <>
          <dt>Error</dt>
          <dd>{event.error_message}</dd>
        </>
      )}
      <dt>Id</dt>
      <dd>
        <code>{event.id}</code>
      </dd>
      <dt>Source</dt>
      <dd>{shownName(event.source)}</dd>
      <dt>Created</dt>
      <dd>
        <Moment at={event.created_at} />
      </dd>
      <dt>Updated</dt>
      <dd>
        <Moment at={event.updated_at} />
      </dd>
      <dt>Latency</dt>
      <dd>
        {latency === null
          ? event.status === 'failed'
            ? 'not delivered'
            : 'not delivered yet'
          : seconds(latency / 1000)}
      </dd>
      <dt>Attempts</dt>
      <dd>
        {event.delivery_attempts}
        {event.last_delivery_attempt && (
          <>
            , last <Moment at={event.last_delivery_attempt} />
          </>
        )}
      </dd>
      <dt>Sequence</dt>
      <dd>{event.seq}</dd>
    </dl>
  )
}
