import { Copy } from 'lucide-react'
import { useState } from 'react'
import { useCopy } from './useCopy'
import styles from './SidePanel.module.css'
import { JsonTree } from './JsonTree'
import { Button } from './ui/Button'

/** A payload as a tree or raw. */
export function PayloadView({ payload }: { payload: Record<string, unknown> }) {
  const [raw, setRaw] = useState(false)
  const copy = useCopy()
  const text = JSON.stringify(payload, null, 2)
  return (
    <section aria-label="Payload">
      <div className={styles.bar}>
        <h3>Payload</h3>
        <Button tone="quiet" aria-pressed={!raw} onClick={() => setRaw(false)}>
          Tree
        </Button>
        <Button tone="quiet" aria-pressed={raw} onClick={() => setRaw(true)}>
          Raw
        </Button>
        <Button
          tone="quiet"
          icon
          aria-label="Copy payload"
          title="Copy payload"
          onClick={() => copy(text, 'Payload')}
        >
          <Copy size={14} aria-hidden />
        </Button>
      </div>
      {raw ? <pre className={styles.raw}>{text}</pre> : <JsonTree value={payload} />}
    </section>
  )
}
