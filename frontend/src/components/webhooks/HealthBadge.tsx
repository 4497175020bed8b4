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
import { Badge } from '../Badge'
import type { Look } from '../Badge'

const healths: Record<Health, Look> = {
  healthy: { icon: CircleCheck, word: 'Healthy', tone: 'delivered' },
  idle: { icon: CircleDashed, word: 'Nothing sent yet', tone: 'stale' },
  retrying: { icon: RotateCw, word: 'Retrying', tone: 'pending' },
  lost: { icon: CircleX, word: 'Gave up', tone: 'failed' },
  holding: { icon: Hourglass, word: 'On hold', tone: 'failed' },
  failing: { icon: CircleX, word: 'Failing', tone: 'failed' },
  paused: { icon: CirclePause, word: 'Paused', tone: 'stale' },
  disabled: { icon: CircleOff, word: 'Disabled', tone: 'failed' },
}

/** How an endpoint does. */
export function HealthBadge({ state }: { state: Health }) {
  return <Badge look={healths[state]} />
}

const deliveries: Record<DeliveryStatus | 'sending', Look> = {
  pending: { icon: Hourglass, word: 'Waiting', tone: 'pending' },
  sending: { icon: Activity, word: 'Sending', tone: 'pending' },
  delivered: { icon: CircleCheck, word: 'Delivered', tone: 'delivered' },
  failed: { icon: CircleX, word: 'Gave up', tone: 'failed' },
  canceled: { icon: CircleOff, word: 'Canceled', tone: 'stale' },
}

/** Where a delivery stands. */
export function DeliveryBadge({ state }: { state: DeliveryStatus | 'sending' }) {
  return <Badge look={deliveries[state]} />
}
