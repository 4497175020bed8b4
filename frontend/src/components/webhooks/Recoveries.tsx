import { useAuth } from '../../app/auth/context'
import { count } from '../../app/format'
import { webhooks } from '../../app/webhooks/api'
import { useRecoveries } from '../../app/webhooks/data'
import type { Recovery } from '../../app/webhooks/types'
import { Button } from '../ui/Button'
import styles from './Form.module.css'

/** What is being sent again to an endpoint, with its progress and a way to stop it. */
export function Recoveries({ endpoint }: { endpoint: string }) {
  const { data } = useRecoveries(endpoint)
  const running = data?.recoveries.filter((r) => r.status === 'running') ?? []
  return running.map((r) => <Progress key={r.id} recovery={r} />)
}

function Progress({ recovery: r }: { recovery: Recovery }) {
  const { api, canWrite } = useAuth()
  return (
    <div data-testid="recovery">
      <div className={styles.line}>
        <span>
          {r.kind === 'replay' ? 'Replaying' : 'Retrying'}: {count(r.done)} of {count(r.total)},{' '}
          {r.rate_per_second} a second
        </span>
        <Button disabled={!canWrite} onClick={() => void webhooks.stop(api, r.id)}>
          Stop
        </Button>
      </div>
      <progress className={styles.progress} max={Math.max(1, r.total)} value={r.done} aria-label="Recovery" />
    </div>
  )
}
