import { Download } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { useAuth } from '../app/auth/context'
import { download, fetchExport } from '../app/events/export'
import type { ExportFormat } from '../app/events/export'
import { isNarrowed } from '../lib/query/filters'
import type { Filters } from '../lib/query/filters'
import { bytes } from '../app/format'
import styles from './ExportDialog.module.css'
import { Problem } from './Problem'
import { useToast } from './toast'
import { Button } from './ui/Button'
import { Sheet } from './ui/Sheet'

const formats: readonly { format: ExportFormat; word: string }[] = [
  { format: 'json', word: 'JSON' },
  { format: 'ndjson', word: 'NDJSON' },
  { format: 'csv', word: 'CSV' },
]

/** Downloads the events of the list, all of them, with progress and a way to stop. */
export function ExportDialog({ filters, onClose }: { filters: Filters; onClose: () => void }) {
  const { received, error, start } = useExport(filters, onClose)
  const isRunning = received !== null
  return (
    <Sheet
      open
      place="middle"
      onClose={onClose}
      title="Export events"
      description="Download the events of the list as a file"
      footer={<Button onClick={onClose}>{isRunning ? 'Cancel export' : 'Close'}</Button>}
    >
      <div className={styles.body}>
        <p>{isNarrowed(filters) ? 'All events that match the filters.' : 'All events.'}</p>
        {error !== null && <Problem error={error} />}
        <p>
          <span role="status">{isRunning && 'Receiving…'}</span>
          {isRunning && ` ${bytes(received)}`}
        </p>
        {!isRunning && (
          <div className={styles.formats}>
            {formats.map(({ format, word }) => (
              <Button key={format} onClick={() => start(format)}>
                <Download size={14} aria-hidden /> {word}
              </Button>
            ))}
          </div>
        )}
      </div>
    </Sheet>
  )
}

function useExport(filters: Filters, onDone: () => void) {
  const { api } = useAuth()
  const say = useToast()
  const [received, setReceived] = useState<number | null>(null)
  const [error, setError] = useState<unknown>(null)
  const running = useRef<AbortController>(null)
  useEffect(() => () => running.current?.abort(), [])

  const start = (format: ExportFormat) => {
    const abort = new AbortController()
    running.current = abort
    setError(null)
    setReceived(0)
    fetchExport(api, format, filters, abort.signal, setReceived)
      .then((blob) => {
        download(blob, `events.${format}`)
        say(`events.${format} downloaded, ${bytes(blob.size)}`)
        onDone()
      })
      .catch((cause: unknown) => {
        if (abort.signal.aborted) return
        setError(cause)
        setReceived(null)
      })
  }
  return { received, error, start }
}
