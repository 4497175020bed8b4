import {
  Activity,
  CircleCheck,
  CircleDashed,
  CircleOff,
  CirclePause,
  CircleX,
  Hourglass,
  RotateCw,
} from 'lucide-react'
import type { Health } from '../../app/webhooks/health'
import type { DeliveryStatus } from '../../app/webhooks/types'
import styles from '../StatusBadge.module.css'

const health = {
  healthy: { icon: CircleCheck, word: 'Healthy', tone: styles.delivered },
  idle: { icon: CircleDashed, word: 'Nothing sent yet', tone: styles.stale },
  retrying: { icon: RotateCw, word: 'Retrying', tone: styles.pending },
  holding: { icon: Hourglass, word: 'On hold', tone: styles.failed },
  failing: { icon: CircleX, word: 'Failing', tone: styles.failed },
  paused: { icon: CirclePause, word: 'Paused', tone: styles.stale },
  disabled: { icon: CircleOff, word: 'Disabled', tone: styles.failed },
} as const

/** How an endpoint does, by icon, word and colour. */
export function HealthBadge({ state }: { state: Health }) {
  const { icon: Icon, word, tone } = health[state]
  return (
    <span className={`${styles.badge} ${tone}`}>
      <Icon size={14} aria-hidden />
      {word}
    </span>
  )
}

const delivery = {
  pending: { icon: Hourglass, word: 'Waiting', tone: styles.pending },
  sending: { icon: Activity, word: 'Sending', tone: styles.pending },
  delivered: { icon: CircleCheck, word: 'Delivered', tone: styles.delivered },
  failed: { icon: CircleX, word: 'Gave up', tone: styles.failed },
  canceled: { icon: CircleOff, word: 'Canceled', tone: styles.stale },
} as const

/** Where a delivery stands, by icon, word and colour. */
export function DeliveryBadge({ state }: { state: DeliveryStatus | 'sending' }) {
  const { icon: Icon, word, tone } = delivery[state]
  return (
    <span className={`${styles.badge} ${tone}`}>
      <Icon size={14} aria-hidden />
      {word}
    </span>
  )
}
