import { useCallback, useRef, useState } from 'react'

const NONE: ReadonlySet<string> = new Set()

/** Which events are selected. */
export function useSelection() {
  const [selected, setSelected] = useState(NONE)
  /** The event that was selected, or not, last: where a range begins. */
  const last = useRef<string | null>(null)
  const toggle = useCallback((id: string) => {
    last.current = id
    setSelected((before) => {
      const after = new Set(before)
      if (!after.delete(id)) after.add(id)
      return after
    })
  }, [])
  /** Selects all from the last one to this one, in the order of the list. */
  const extendTo = (id: string, listed: readonly string[]) => {
    const from = last.current === null ? -1 : listed.indexOf(last.current)
    const to = listed.indexOf(id)
    if (from < 0 || to < 0) return toggle(id)
    last.current = id
    const range = listed.slice(Math.min(from, to), Math.max(from, to) + 1)
    setSelected((before) => new Set([...before, ...range]))
  }
  const clear = useCallback(() => setSelected(NONE), [])
  const all = (ids: readonly string[]) =>
    setSelected((before) => (before.size >= ids.length ? NONE : new Set(ids)))
  return { selected, toggle, extendTo, clear, all }
}
