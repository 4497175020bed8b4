import { ChevronDown, ChevronRight, RotateCw } from 'lucide-react'
import { useState } from 'react'
import { Link } from 'wouter'
import { asProblem, remedy } from '../../app/api/problem'
import { useAuth } from '../../app/auth/context'
import { count } from '../../app/format'
import { useNow } from '../../app/now'
import { webhooks } from '../../app/webhooks/api'
import type { Delivery, Endpoint } from '../../app/webhooks/types'
import { Moment } from '../Moment'
import { useToast } from '../toast'
import { Button } from '../ui/Button'
import { Attempts } from './Attempts'
import styles from './DeliveryList.module.css'
import { DeliveryBadge } from './HealthBadge'
import { dueWords, outcomeOf } from './words'

const TICK_MS = 1000

interface DeliveryListProps {
  deliveries: readonly Delivery[]
  /** What a line is headed by: the event on an endpoint's page, the endpoint on an event's. */
  titleOf: (d: Delivery) => string
  /** The endpoint, where it is known: whether it lets a delivery go. */
  endpointOf: (d: Delivery) => Endpoint | undefined
  /** Where the other side of a delivery is shown. */
  linkOf: (d: Delivery) => { href: string; word: string } | undefined
}

/** Deliveries, each with its attempts a click away. */
export function DeliveryList({ deliveries, titleOf, endpointOf, linkOf }: DeliveryListProps) {
  const [openId, setOpenId] = useState<string | null>(null)
  return (
    <ul className={styles.list} data-testid="deliveries">
      {deliveries.map((d) => (
        <li key={d.id} data-testid="delivery" data-delivery-id={d.id} data-status={d.status}>
          <DeliveryLine
            delivery={d}
            title={titleOf(d)}
            isOpen={d.id === openId}
            onToggle={() => setOpenId(d.id === openId ? null : d.id)}
          />
          {d.id === openId && <OpenDelivery delivery={d} endpoint={endpointOf(d)} link={linkOf(d)} />}
        </li>
      ))}
    </ul>
  )
}

interface LineProps {
  delivery: Delivery
  title: string
  isOpen: boolean
  onToggle: () => void
}

function DeliveryLine({ delivery: d, title, isOpen, onToggle }: LineProps) {
  const Arrow = isOpen ? ChevronDown : ChevronRight
  return (
    <button type="button" className={styles.line} aria-expanded={isOpen} onClick={onToggle}>
      <Arrow size={14} aria-hidden />
      <span className={styles.title}>{title}</span>
      <DeliveryBadge state={d.leased_until && d.status === 'pending' ? 'sending' : d.status} />
      <span className={styles.outcome}>{outcomeOf(d)}</span>
      <span className={styles.when}>
        <Moment at={d.updated_at} />
      </span>
    </button>
  )
}

interface OpenProps {
  delivery: Delivery
  endpoint: Endpoint | undefined
  link: { href: string; word: string } | undefined
}

function OpenDelivery({ delivery, endpoint, link }: OpenProps) {
  const { api, canWrite } = useAuth()
  const say = useToast()
  const retry = () =>
    void webhooks.retry(api, delivery.id).then(
      () => say('Retried: an attempt is made now'),
      (error: unknown) => say(`${asProblem(error).message}. ${remedy(asProblem(error))}`, 'error'),
    )
  return (
    <div className={styles.open}>
      <div className={styles.head}>
        <p className={styles.muted}>
          {delivery.attempts === 1 ? '1 attempt' : `${count(delivery.attempts)} attempts`}
          <NextAttempt delivery={delivery} endpoint={endpoint} />
        </p>
        {link && <Link href={link.href}>{link.word}</Link>}
        <Button disabled={!canWrite || delivery.leased_until !== null} onClick={retry}>
          <RotateCw size={14} aria-hidden /> {delivery.status === 'pending' ? 'Send now' : 'Send again'}
        </Button>
      </div>
      <Attempts delivery={delivery.id} />
    </div>
  )
}

// A leaf of its own: it ticks.
function NextAttempt({ delivery: d, endpoint }: Omit<OpenProps, 'link'>) {
  const now = useNow(TICK_MS)
  if (d.status !== 'pending') return null
  if (d.blocked_by) {
    return (
      <>
        , waits for <Link href={`/events?event=${d.blocked_by}`}>{d.blocked_by}</Link>, which comes before it
        in its order
      </>
    )
  }
  const words = dueWords(d, endpoint, now)
  return words ? <>, {words}</> : null
}
