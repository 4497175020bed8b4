import { CircleCheck, CircleX, Clock, LoaderCircle } from 'lucide-react'
import type { EventStatus } from '../app/api/types'
import styles from './StatusBadge.module.css'

const looks = {
  pending: { icon: Clock, word: 'Pending' },
  delivered: { icon: CircleCheck, word: 'Delivered' },
  failed: { icon: CircleX, word: 'Failed' },
  sending: { icon: LoaderCircle, word: 'Sending…' },
}

/** A status by icon, word and colour. */
export function StatusBadge({ status }: { status: EventStatus | 'sending' }) {
  const { icon: Icon, word } = looks[status]
  return (
    <span className={`${styles.badge} ${styles[status]}`}>
      <Icon size={14} aria-hidden />
      {word}
    </span>
  )
}
