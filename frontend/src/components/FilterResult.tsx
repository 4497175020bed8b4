import { useState } from 'react'
import { isNarrowed } from '../lib/query/filters'
import type { Filters } from '../lib/query/filters'
import { count } from '../app/format'

interface FilterResultProps {
  filters: Filters
  rows: number
  isLoaded: boolean
  hasMore: boolean
}

/** Tells a screen reader what a filter found: once for each filter, whatever comes in after. */
export function FilterResult({ filters, rows, isLoaded, hasMore }: FilterResultProps) {
  const key = JSON.stringify(filters)
  const [said, setSaid] = useState({ key, text: '' })
  if (isLoaded && said.key !== key) {
    const events = `${count(rows)}${hasMore ? ' or more' : ''} ${rows === 1 && !hasMore ? 'event' : 'events'}`
    setSaid({ key, text: isNarrowed(filters) ? `${events} found` : 'All events' })
  }
  return (
    <p role="status" className="visually-hidden">
      {said.text}
    </p>
  )
}
