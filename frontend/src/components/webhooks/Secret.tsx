import { Copy } from 'lucide-react'
import { Button } from '../ui/Button'
import { useCopy } from '../useCopy'
import styles from './Form.module.css'

/** A secret that is shown once. */
export function Secret({ secret }: { secret: string }) {
  const copy = useCopy()
  return (
    <>
      <p>This is the signing secret. It is shown once: put it where the receiver reads it, now.</p>
      <div className={styles.secret}>
        <code data-testid="secret">{secret}</code>
        <Button icon aria-label="Copy secret" title="Copy secret" onClick={() => copy(secret, 'Secret')}>
          <Copy size={14} aria-hidden />
        </Button>
      </div>
    </>
  )
}
