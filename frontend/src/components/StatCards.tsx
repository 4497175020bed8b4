import { CircleCheck, CircleX, Clock } from 'lucide-react'
import type { Summary, ThroughputPoint } from '../app/api/types'
import { count, percent } from '../app/format'
import { courses, happened, within } from '../app/metrics/figures'
import type { CardName } from '../app/metrics/figures'
import { useNow } from '../app/now'
import styles from './StatCard.module.css'
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
}

const HOUR_MS = 3_600_000
const MOVE_ON_MS = 5000

/** The counters, each with its course over the last hour, and with what happened in it. */
export function StatCards({ summary, series }: StatCardsProps) {
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
          <p className={styles.change}>{lastHour ? `${happenedTo(name, lastHour)} in\u00a01\u00a0h` : '…'}</p>
          <Sparkline points={course?.[name] ?? []} />
        </div>
      ))}
    </section>
  )
}

// Not how far the number moved: what is deleted takes from it too, and nobody counts that by the hour.
function happenedTo(name: CardName, series: readonly ThroughputPoint[]): string {
  const { created, delivered, failed } = happened(series)
  const ended = delivered + failed
  switch (name) {
    case 'total':
      return `${count(created)} created`
    case 'pending':
      return `${count(created)} came, ${count(ended)} left`
    case 'delivered':
      return `${count(delivered)} delivered`
    case 'failed':
      return `${count(failed)} failed`
    case 'success_rate':
      return ended === 0 ? 'no outcome' : percent((100 * delivered) / ended)
  }
}

function valueOf(name: CardName, s: Summary | undefined): string {
  if (!s) return '–'
  if (name !== 'success_rate') return count(s[name])
  return s.success_rate === null || s.delivered + s.failed === 0 ? '–' : percent(s.success_rate)
}
