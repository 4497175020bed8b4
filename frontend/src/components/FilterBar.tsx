import { Search, SlidersHorizontal, X } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import type { ReactNode, Ref } from 'react'
import { NO_FILTERS, isNarrowed } from '../lib/query/filters'
import type { Filters } from '../lib/query/filters'
import styles from './FilterBar.module.css'
import { Button } from './ui/Button'
import { inputClass } from './ui/Field'

interface FilterBarProps {
  filters: Filters
  onChange: (filters: Filters) => void
  searchRef: Ref<HTMLInputElement>
  children: ReactNode
}

const TYPING_PAUSE_MS = 300

/** Narrows the list; what is typed takes effect after a pause. */
export function FilterBar({ filters, onChange, searchRef, children }: FilterBarProps) {
  const [showTimes, setShowTimes] = useState(filters.created_after !== '' || filters.created_before !== '')
  const set = (name: keyof Filters) => (value: string) => onChange({ ...filters, [name]: value })
  return (
    <div className={styles.bar} role="search" aria-label="Filter events">
      <div className={styles.search}>
        <Search size={14} aria-hidden />
        <TypedInput
          label="Search"
          placeholder="Search id, type, source, payload"
          value={filters.search}
          onChange={set('search')}
          ref={searchRef}
        />
      </div>
      <select
        aria-label="Status"
        className={`${inputClass} ${styles.narrow}`}
        value={filters.status}
        onChange={(e) => set('status')(e.target.value)}
      >
        <option value="">Any status</option>
        <option value="pending">Pending</option>
        <option value="delivered">Delivered</option>
        <option value="failed">Failed</option>
      </select>
      <div className={styles.narrow}>
        <TypedInput label="Type" placeholder="Type: order.*" value={filters.type} onChange={set('type')} />
      </div>
      <div className={styles.narrow}>
        <TypedInput label="Source" placeholder="Source" value={filters.source} onChange={set('source')} />
      </div>
      <Button
        icon
        aria-label="Filter by time"
        aria-expanded={showTimes}
        onClick={() => setShowTimes(!showTimes)}
      >
        <SlidersHorizontal size={14} aria-hidden />
      </Button>
      {isNarrowed(filters) && (
        <Button tone="quiet" onClick={() => onChange(NO_FILTERS)}>
          <X size={14} aria-hidden /> Clear
        </Button>
      )}
      {children}
      {showTimes && (
        <div className={styles.times}>
          <TimeInput label="After" value={filters.created_after} onChange={set('created_after')} />
          <TimeInput label="Before" value={filters.created_before} onChange={set('created_before')} />
        </div>
      )}
    </div>
  )
}

interface TypedInputProps {
  label: string
  placeholder: string
  value: string
  onChange: (value: string) => void
  ref?: Ref<HTMLInputElement>
}

function TypedInput({ label, placeholder, value, onChange, ref }: TypedInputProps) {
  const [text, setText] = useState(value)
  const [known, setKnown] = useState(value)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  // The URL changed from outside: by Clear, a link, or the Back button.
  if (value !== known) {
    setKnown(value)
    if (value !== text.trim()) setText(value)
  }
  useEffect(() => () => clearTimeout(timer.current), [])
  const type = (next: string) => {
    setText(next)
    clearTimeout(timer.current)
    timer.current = setTimeout(() => onChange(next.trim()), TYPING_PAUSE_MS)
  }
  return (
    <input
      ref={ref}
      className={inputClass}
      aria-label={label}
      placeholder={placeholder}
      spellCheck={false}
      value={text}
      onChange={(e) => type(e.target.value)}
      onKeyDown={(e) => e.key === 'Escape' && e.currentTarget.blur()}
    />
  )
}

// The input speaks in the reader's zone, the URL and the server in UTC.
function localTime(iso: string): string {
  const at = Date.parse(iso)
  if (Number.isNaN(at)) return ''
  return new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}

// Older browsers show a plain text field here, so nothing is read before the reader is done with it.
function TimeInput({
  label,
  value,
  onChange,
}: {
  label: string
  value: string
  onChange: (value: string) => void
}) {
  const commit = (input: HTMLInputElement) => {
    const at = Date.parse(input.value)
    const next = Number.isNaN(at) ? '' : new Date(at).toISOString()
    if (localTime(next) !== localTime(value)) onChange(next)
  }
  return (
    <label className={styles.when}>
      {label}
      <input
        key={value}
        type="datetime-local"
        placeholder="2026-01-31T18:00"
        className={inputClass}
        defaultValue={localTime(value)}
        onBlur={(e) => commit(e.currentTarget)}
        onKeyDown={(e) => e.key === 'Enter' && commit(e.currentTarget)}
      />
    </label>
  )
}
