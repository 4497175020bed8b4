import { CircleCheck, CircleX, Clock } from 'lucide-react'
import type { Summary, ThroughputPoint } from '../app/api/types'
import { count, percent, signed } from '../app/format'
import { trends } from '../app/metrics/figures'
import type { CardName } from '../app/metrics/figures'
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

/** The counters, each with its course over the last hour. */
export function StatCards({ summary, series }: StatCardsProps) {
  const courses = summary && series ? trends(summary, series) : null
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
          <p className={styles.change}>{courses ? changeOf(name, courses[name].change) : '…'}</p>
          <Sparkline points={courses?.[name].points ?? []} />
        </div>
      ))}
    </section>
  )
}

function changeOf(name: CardName, change: number | null): string {
  if (change === null) return 'nothing before 1 h ago'
  return `${signed(change, name === 'success_rate' ? ' pts' : '')} in 1 h`
}

function valueOf(name: CardName, s: Summary | undefined): string {
  if (!s) return '–'
  if (name !== 'success_rate') return count(s[name])
  return s.delivered + s.failed === 0 ? '–' : percent(s.success_rate)
}
