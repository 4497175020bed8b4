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
  const { data: lastHour } = useThroughput('1h')
  return (
    <div className={styles.page}>
      {query.error && (
        <div className={styles.wide}>
          <Problem error={query.error} />
        </div>
      )}
      <div className={styles.wide}>
        <StuckEndpoints />
      </div>
      <div className={styles.wide}>
        <StatCards summary={summary} series={lastHour?.series} />
      </div>
      <Charts />
      <LatestEvents />
      <div className={styles.side}>
        <Panel title="Lifecycle">
          <Lifecycle summary={summary} />
        </Panel>
        <TopErrors />
      </div>
    </div>
  )
}
