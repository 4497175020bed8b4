import { Link } from 'wouter'
import { count } from '../../app/format'
import { useNow } from '../../app/now'
import { useEndpoints, useFollowEndpoints } from '../../app/webhooks/data'
import { byUrgency, healthOf, isStuck, troubleOf } from '../../app/webhooks/health'
import type { Endpoint } from '../../app/webhooks/types'
import { Moment } from '../Moment'
import { Panel } from '../Panel'
import panel from '../Panel.module.css'
import { EndpointSummary } from './EndpointSummary'
import { HealthBadge } from './HealthBadge'
import styles from './StuckEndpoints.module.css'

const SHOWN = 5

/** The endpoints that need somebody, live: what is stuck, since when and why. Nothing where all is well. */
export function StuckEndpoints() {
  useFollowEndpoints()
  const endpoints = useEndpoints().data?.endpoints ?? []
  const now = useNow(5000)
  const stuck = endpoints.filter((e) => isStuck(e, now)).sort(byUrgency(now))
  if (stuck.length === 0) return null
  return (
    <Panel
      title="Endpoints that need you"
      aside={<EndpointSummary endpoints={endpoints} />}
      testId="stuck-endpoints"
    >
      <ul>
        {stuck.slice(0, SHOWN).map((e) => (
          <li key={e.id} className={panel.row}>
            <StuckEndpoint endpoint={e} now={now} />
          </li>
        ))}
      </ul>
      {stuck.length > SHOWN && <Link href="/webhooks">{count(stuck.length - SHOWN)} more</Link>}
    </Panel>
  )
}

function StuckEndpoint({ endpoint: e, now }: { endpoint: Endpoint; now: number }) {
  const trouble = troubleOf(e)
  return (
    <Link className={`${panel.line} ${styles.line}`} href={`/webhooks?endpoint=${e.id}`}>
      <HealthBadge state={healthOf(e, now)} />
      <span className={`${panel.cut} ${styles.name}`}>{e.description || e.url}</span>
      <span className={`${panel.cut} ${styles.trouble}`} title={trouble ?? undefined}>
        {trouble}
      </span>
      <span>{count(e.pending)} waiting</span>
      {e.failing_since && (
        <span className={styles.since}>
          since <Moment at={e.failing_since} />
        </span>
      )}
    </Link>
  )
}
