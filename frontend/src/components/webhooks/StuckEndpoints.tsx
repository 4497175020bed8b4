import { Link } from 'wouter'
import { count } from '../../app/format'
import { asOfQuery, useFreshness } from '../../app/live/freshness'
import { useNow } from '../../app/now'
import { useEndpoints, useFollowEndpoints } from '../../app/webhooks/data'
import { byUrgency, healthOf, isStuck, troubleOf } from '../../app/webhooks/health'
import type { Endpoint } from '../../app/webhooks/types'
import { endpointName } from '../../app/names'
import { Moment } from '../Moment'
import { Panel } from '../Panel'
import panel from '../Panel.module.css'
import { PartProblem } from '../PartProblem'
import { Skeleton } from '../ui/Skeleton'
import { EndpointSummary } from './EndpointSummary'
import { HealthBadge } from './HealthBadge'
import styles from './StuckEndpoints.module.css'

const SHOWN = 3
const LINE_PX = 49

/**
 * The endpoints that need somebody, live: what is stuck, since when and why. What is not known now stays, grey and with
 * its age. It is as tall before they are known, and where all is well, as with the last of them: nothing moves below it.
 */
export function StuckEndpoints() {
  useFollowEndpoints()
  const list = useEndpoints()
  const { query, endpoints, health } = list
  const asOf = asOfQuery(useFreshness(), query)
  const now = useNow(5000)
  const stuck = endpoints.filter((e) => isStuck(e, now)).sort(byUrgency(now))
  const all = Math.max(health?.needs_attention ?? 0, stuck.length)
  return (
    <Panel
      title="Endpoints that need you"
      aside={<Link href="/webhooks">All endpoints</Link>}
      testId="stuck-endpoints"
    >
      <div className={styles.body} data-stale={asOf !== null}>
        {query.isError && <PartProblem error={query.error} />}
        {!health && query.errorUpdateCount === 0 && <Skeleton lines={SHOWN} height={LINE_PX} />}
        {health && all === 0 && asOf === null && <p className={styles.calm}>{calmWords(health.total)}</p>}
        <ul>
          {stuck.slice(0, SHOWN).map((e) => (
            <li key={e.id} className={panel.row}>
              <StuckEndpoint endpoint={e} now={now} />
            </li>
          ))}
        </ul>
      </div>
      <div className={styles.foot}>
        {all > SHOWN && <p>{count(all - Math.min(SHOWN, stuck.length))} more.</p>}
        <EndpointSummary list={list} />
      </div>
    </Panel>
  )
}

const calmWords = (total: number) =>
  total === 0 ? 'There are no endpoints yet.' : 'No endpoint needs you now.'

function StuckEndpoint({ endpoint: e, now }: { endpoint: Endpoint; now: number }) {
  const trouble = troubleOf(e)
  return (
    <Link className={`${panel.line} ${styles.line}`} href={`/webhooks?endpoint=${e.id}`}>
      <HealthBadge state={healthOf(e, now)} />
      <span className={`${panel.cut} ${styles.name}`}>{endpointName(e)}</span>
      <span className={`${panel.cut} ${styles.trouble}`} title={trouble ?? undefined}>
        {trouble}
      </span>
      <span className={styles.waiting}>{count(e.pending)} waiting</span>
      {e.failing_since && (
        <span className={styles.since}>
          since <Moment at={e.failing_since} />
        </span>
      )}
    </Link>
  )
}
