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
import { Problem } from '../Problem'
import { EndpointSummary } from './EndpointSummary'
import { HealthBadge } from './HealthBadge'
import styles from './StuckEndpoints.module.css'

const SHOWN = 5

/**
 * The endpoints that need somebody, live: what is stuck, since when and why. Nothing where all is known to be well;
 * what is not known now stays, grey and with its age.
 */
export function StuckEndpoints() {
  useFollowEndpoints()
  const list = useEndpoints()
  const { query, endpoints, health } = list
  const asOf = asOfQuery(useFreshness(), query)
  const now = useNow(5000)
  const stuck = endpoints.filter((e) => isStuck(e, now)).sort(byUrgency(now))
  const all = Math.max(health?.needs_attention ?? 0, stuck.length)
  // Asked once more after a failure, it is no better known than before.
  const isUnknown = !health && query.errorUpdateCount > 0
  if (all === 0 && !query.isError && !isUnknown) return null
  return (
    <Panel title="Endpoints that need you" aside={<EndpointSummary list={list} />} testId="stuck-endpoints">
      <div data-stale={asOf !== null}>
        {query.isError && <Problem error={query.error} />}
        <ul>
          {stuck.slice(0, SHOWN).map((e) => (
            <li key={e.id} className={panel.row}>
              <StuckEndpoint endpoint={e} now={now} />
            </li>
          ))}
        </ul>
        {all > SHOWN && <Link href="/webhooks">{count(all - Math.min(SHOWN, stuck.length))} more</Link>}
      </div>
    </Panel>
  )
}

function StuckEndpoint({ endpoint: e, now }: { endpoint: Endpoint; now: number }) {
  const trouble = troubleOf(e)
  return (
    <Link className={`${panel.line} ${styles.line}`} href={`/webhooks?endpoint=${e.id}`}>
      <HealthBadge state={healthOf(e, now)} />
      <span className={`${panel.cut} ${styles.name}`}>{endpointName(e)}</span>
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
