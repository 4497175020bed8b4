import { Square } from 'lucide-react'
import { useAuth } from '../app/auth/context'
import { useRunningOperations, useStopOperation } from '../app/events/operations'
import { count } from '../app/format'
import styles from './OperationBar.module.css'
import { Button } from './ui/Button'

/** What the server is doing to many events, with its progress and a way to stop it; nothing where it does nothing. */
export function OperationBar() {
  const running = useRunningOperations()
  const stop = useStopOperation()
  const { canWrite } = useAuth()
  return running.map((o) => (
    <div key={o.id} className={styles.bar} data-testid="operation">
      <span>
        Acknowledging: {count(o.done + o.skipped)} of {count(o.total)}
      </span>
      <progress
        className={styles.progress}
        max={Math.max(1, o.total)}
        value={o.done + o.skipped}
        aria-label="Acknowledging"
      />
      <Button disabled={!canWrite || stop.isPending} onClick={() => stop.mutate(o.id)}>
        <Square size={14} aria-hidden /> Stop
      </Button>
    </div>
  ))
}
