import { Copy } from 'lucide-react'
import { useState } from 'react'
import { useCopy } from './useCopy'
import styles from './SidePanel.module.css'
import { JsonTree } from './JsonTree'
import { Button } from './ui/Button'

/** A payload as a tree or raw: what is shown and copied is what is stored, byte for byte. */
export function PayloadView({ text }: { text: string }) {
  const [raw, setRaw] = useState(false)
  const copy = useCopy()
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
      {raw ? <pre className={styles.raw}>{text}</pre> : <JsonTree json={text} />}
    </section>
  )
}
