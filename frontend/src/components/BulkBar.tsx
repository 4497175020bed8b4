import { Check, Trash2, X } from 'lucide-react'
import { useAuth } from '../app/auth/context'
import { count } from '../app/format'
import { Button } from './ui/Button'

interface BulkBarProps {
  className: string | undefined
  size: number
  onAcknowledge: () => void
  onErase: () => void
  onClear: () => void
}

/** What can be done with the selected events. */
export function BulkBar({ className, size, onAcknowledge, onErase, onClear }: BulkBarProps) {
  const { canWrite } = useAuth()
  return (
    <div className={className} role="group" aria-label="Selected events">
      <strong>{count(size)} selected</strong>
      <Button disabled={!canWrite} onClick={onAcknowledge}>
        <Check size={14} aria-hidden /> Acknowledge
      </Button>
      <Button tone="danger" disabled={!canWrite} onClick={onErase}>
        <Trash2 size={14} aria-hidden /> Delete
      </Button>
      <Button tone="quiet" onClick={onClear}>
        <X size={14} aria-hidden /> Clear selection
      </Button>
    </div>
  )
}
