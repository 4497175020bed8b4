import { CircleCheck, CircleX, Clock } from 'lucide-react'
import type { Summary, ThroughputPoint } from '../app/api/types'
import { count, percent } from '../app/format'
import { courses, happened, within } from '../app/metrics/figures'
import type { CardName } from '../app/metrics/figures'
import { useNow } from '../app/now'
import styles from './StatCard.module.css'
import { Skeleton } from './ui/Skeleton'
import { Sparkline } from './ui/Sparkline'

const cards: readonly { name: CardName; word: string; icon: typeof Clock | null }[] = [
  { name: 'total', word: 'Total', icon: null },
  { name: 'pending', word: 'Pending', icon: Clock },
  { name: 'delivered', word: 'Delivered', icon: CircleCheck },
  { name: 'failed', word: 'Failed', icon: CircleX },
  { name: 'success_rate', word: 'Success rate', icon: null },
]

interface StatCardsProps {
  summary: Summary | undefined
  /** The last hour by minute. */
  series: readonly ThroughputPoint[] | undefined
  /** What is not known has been asked for; otherwise it could not be had. */
  isLoading: boolean
}

const HOUR_MS = 3_600_000
const MOVE_ON_MS = 5000

/** The counters, each with its course over the last hour, and with what happened in it. */
export function StatCards({ summary, series, isLoading }: StatCardsProps) {
  const now = useNow(MOVE_ON_MS)
  const lastHour = series && within(series, HOUR_MS, now)
  const course = summary && lastHour ? courses(summary, lastHour) : null
  return (
    <section className={styles.cards} aria-label="Counters">
      {cards.map(({ name, word, icon: Icon }) => (
        <div
          key={name}
          className={styles.card}
          data-testid={`card-${name === 'success_rate' ? 'success-rate' : name}`}
        >
          <h2 className={styles.label} data-status={name}>
            {Icon && <Icon size={14} aria-hidden />}
            {word}
          </h2>
          <p className={styles.value} data-testid="value">
            {valueOf(name, summary)}
          </p>
          <p className={styles.change}>{lastHour ? `${happenedTo(name, lastHour)} in\u00a01\u00a0h` : '–'}</p>
          {course && <Sparkline points={course[name]} />}
          {!course && (isLoading ? <Skeleton lines={1} height={32} /> : <div className={styles.blank} />)}
        </div>
      ))}
    </section>
  )
}

// What came and what left, so that the number a moment ago and the words give the number now.
function happenedTo(name: CardName, series: readonly ThroughputPoint[]): string {
  const h = happened(series)
  const ended = h.delivered + h.failed
  switch (name) {
    case 'total':
      return words([h.created, 'created'], [h.deleted, 'deleted'], [h.expired, 'expired'])
    case 'pending':
      return words([h.created + h.reopened, 'came'], [h.left_pending, 'left'])
    case 'delivered':
      return words([h.delivered, 'delivered'], [h.left_delivered, 'left'])
    case 'failed':
      return words([h.failed, 'failed'], [h.left_failed, 'left'])
    case 'success_rate':
      return ended === 0 ? 'no outcome' : percent((100 * h.delivered) / ended)
  }
}

// The first always; of the others those that happened.
function words(...parts: readonly (readonly [n: number, word: string])[]): string {
  return parts
    .filter(([n], i) => i === 0 || n > 0)
    .map(([n, word]) => `${count(n)} ${word}`)
    .join(', ')
}

function valueOf(name: CardName, s: Summary | undefined): string {
  if (!s) return '–'
  if (name !== 'success_rate') return count(s[name])
  return s.success_rate === null || s.delivered + s.failed === 0 ? '–' : percent(s.success_rate)
}
