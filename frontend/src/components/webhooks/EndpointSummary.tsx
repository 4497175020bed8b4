import { useNow } from '../../app/now'
import { summaryOf } from '../../app/webhooks/health'
import type { Endpoint } from '../../app/webhooks/types'
import styles from './EndpointSummary.module.css'

/** How the endpoints do, in a few words that are read out when they change; nothing where there is none. */
export function EndpointSummary({ endpoints }: { endpoints: readonly Endpoint[] }) {
  const now = useNow(5000)
  const words = summaryOf(endpoints, now)
  if (endpoints.length === 0) return null
  return (
    <p className={styles.summary} role="status" data-alarm={words !== ''} data-testid="endpoints-summary">
      {words || 'All is well'}
    </p>
  )
}
