import { Check, Trash2, X } from 'lucide-react'
import { useAuth } from '../app/auth/context'
import { useOperable } from '../app/events/operations'
import { count } from '../app/format'
import type { OperationSelection } from '../lib/query/operations'
import { Problem } from './Problem'
import { Button } from './ui/Button'

interface BulkBarProps {
  className: string | undefined
  size: number
  /** All that match are meant, beyond the rows that are loaded. null: the selected rows are. */
  matching: OperationSelection | null
  /** undefined: not all loaded rows are selected, or all that match are loaded. */
  onSelectMatching: (() => void) | undefined
  isBusy: boolean
  onAcknowledge: () => void
  onErase: () => void
  onClear: () => void
}

/** What can be done with the selected events. */
export function BulkBar(props: BulkBarProps) {
  const { className, size, matching, onSelectMatching, isBusy, onAcknowledge, onErase, onClear } = props
  const { canWrite } = useAuth()
  const { data, error } = useOperable(matching)
  return (
    <div className={className} role="group" aria-label="Selected events">
      <strong role="status">
        {matching ? matchingWords(data?.count, error !== null) : `${count(size)} selected`}
      </strong>
      {error && <Problem error={error} />}
      {onSelectMatching && <Button onClick={onSelectMatching}>Select all that match</Button>}
      <Button disabled={!canWrite || isBusy || (matching !== null && !data?.count)} onClick={onAcknowledge}>
        <Check size={14} aria-hidden /> Acknowledge
      </Button>
      {!matching && (
        <Button tone="danger" disabled={!canWrite} onClick={onErase}>
          <Trash2 size={14} aria-hidden /> Delete
        </Button>
      )}
      <Button tone="quiet" onClick={onClear}>
        <X size={14} aria-hidden /> Clear selection
      </Button>
    </div>
  )
}

function matchingWords(n: number | undefined, hasFailed: boolean): string {
  if (n === undefined) return hasFailed ? 'All that match: not counted' : 'All that match: counting…'
  return `All that match: ${count(n)} to acknowledge`
}
