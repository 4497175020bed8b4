import { asProblem } from '../app/api/problem'
import { useThroughput } from '../app/data'
import { Charts } from '../components/Charts'
import { LatestEvents } from '../components/LatestEvents'
import { Lifecycle } from '../components/Lifecycle'
import { Panel } from '../components/Panel'
import { Problem } from '../components/Problem'
import { StatCards } from '../components/StatCards'
import { TopErrors } from '../components/TopErrors'
import { StuckEndpoints } from '../components/webhooks/StuckEndpoints'
import { useLiveMetrics } from '../lib/query/useLiveMetrics'
import styles from './DashboardPage.module.css'

export function DashboardPage() {
  const { metrics: summary, query } = useLiveMetrics()
  const { data: lastHour, isPending } = useThroughput('1h')
  return (
    <div className={styles.page}>
      {query.error && asProblem(query.error).status !== 403 && (
        <div className={styles.wide}>
          <Problem error={query.error} />
        </div>
      )}
      <div className={styles.wide}>
        <StatCards summary={summary} series={lastHour?.series} isLoading={isPending || query.isPending} />
      </div>
      <StuckEndpoints />
      <Panel title="Lifecycle">
        <Lifecycle summary={summary} />
      </Panel>
      <Charts />
      <LatestEvents />
      <TopErrors />
    </div>
  )
}
