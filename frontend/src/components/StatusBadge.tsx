import { CircleCheck, CircleX, Clock, LoaderCircle } from 'lucide-react'
import type { EventStatus } from '../app/api/types'
import { Badge } from './Badge'
import type { Look } from './Badge'

const looks: Record<EventStatus | 'sending', Look> = {
  pending: { icon: Clock, word: 'Pending', tone: 'pending' },
  delivered: { icon: CircleCheck, word: 'Delivered', tone: 'delivered' },
  failed: { icon: CircleX, word: 'Failed', tone: 'failed' },
  sending: { icon: LoaderCircle, word: 'Sending…', tone: 'sending' },
}

/** The status of an event. */
export function StatusBadge({ status }: { status: EventStatus | 'sending' }) {
  return <Badge look={looks[status]} />
}
