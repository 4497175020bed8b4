import type { LucideIcon } from 'lucide-react'
import styles from './Badge.module.css'

/** How a state looks: icon, word and colour, never colour alone. */
export interface Look {
  icon: LucideIcon
  word: string
  tone: 'pending' | 'delivered' | 'failed' | 'sending' | 'stale'
}

export function Badge({ look: { icon: Icon, word, tone } }: { look: Look }) {
  return (
    <span className={`${styles.badge} ${styles[tone]}`}>
      <Icon size={14} aria-hidden />
      {word}
    </span>
  )
}
