import { CircleCheck } from 'lucide-react'
import { Link } from 'wouter'
import type { TopError } from '../app/api/types'
import { useErrorFigures } from '../app/data'
import { NO_FILTERS, queryOf } from '../lib/query/filters'
import { count, percent } from '../app/format'
import { Moment } from './Moment'
import { Panel } from './Panel'
import panel from './Panel.module.css'
import { PartProblem } from './PartProblem'
import styles from './TopErrors.module.css'
import { Notice } from './ui/Notice'
import { Skeleton } from './ui/Skeleton'

/** The most frequent failures of the last 24 hours, each a click away from its events. */
export function TopErrors() {
  const { data, error } = useErrorFigures()
  return (
    <Panel title="Top errors, last 24 h" testId="top-errors">
      {error && !data ? <PartProblem error={error} /> : null}
      {!error && !data && <Skeleton lines={3} height={60} />}
      {data && data.total_errors > 0 && (
        <p className={styles.figures}>
          {count(data.total_errors)} failed, {percent(data.error_rate)} of all outcomes
        </p>
      )}
      {data?.top_errors.length === 0 && (
        <Notice icon={<CircleCheck size={24} aria-hidden />} title="Nothing was given up">
          <p>Deliveries that fail for good will be grouped here by their message.</p>
        </Notice>
      )}
      <ul className={styles.list}>
        {data?.top_errors.map((e) => (
          <li key={`${e.type} ${e.message}`}>
            <ErrorLine error={e} />
          </li>
        ))}
      </ul>
    </Panel>
  )
}

function ErrorLine({ error }: { error: TopError }) {
  const query = queryOf({ ...NO_FILTERS, status: 'failed', type: error.type })
  return (
    <Link className={`${panel.line} ${styles.line}`} href={`/events?${query.toString()}`}>
      <span className={panel.cut} title={error.message}>
        {error.message}
      </span>
      <span className={styles.count}>{count(error.count)}</span>
      <span className={styles.muted}>{error.type}</span>
      <span className={styles.muted}>
        <Moment at={error.last_seen} />
      </span>
    </Link>
  )
}
