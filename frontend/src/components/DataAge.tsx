import { freshnessWords, useFreshness } from '../app/live/freshness'

/** How old what the page shows is: a leaf, since it ticks. */
export function DataAge({ className }: { className: string | undefined }) {
  const freshness = useFreshness()
  return (
    <p className={className} data-testid="data-age" data-state={freshness.state}>
      Figures: {freshnessWords(freshness)}
    </p>
  )
}
