import { useQueryClient } from '@tanstack/react-query'
import { ageOfData } from '../app/live/age'
import { useLive } from '../app/live/context'
import { useNow } from '../app/now'
import { keys } from '../app/queries'

/** How old the figures are: a leaf, since it ticks. */
export function DataAge({ className }: { className: string | undefined }) {
  const { ws, paused, polling } = useLive()
  const now = useNow(1000)
  const updatedAt = useQueryClient().getQueryState(keys.summary)?.dataUpdatedAt ?? 0
  return (
    <p className={className} data-testid="data-age">
      Figures: {ageOfData({ connected: ws.isConnected, paused, polling }, updatedAt, now)}
    </p>
  )
}
