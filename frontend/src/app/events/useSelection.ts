import { useCallback, useState } from 'react'

const NONE: ReadonlySet<string> = new Set()

/** Which events are selected. */
export function useSelection() {
  const [selected, setSelected] = useState(NONE)
  const toggle = useCallback(
    (id: string) =>
      setSelected((before) => {
        const after = new Set(before)
        if (!after.delete(id)) after.add(id)
        return after
      }),
    [],
  )
  const clear = useCallback(() => setSelected(NONE), [])
  const all = (ids: readonly string[]) =>
    setSelected((before) => (before.size >= ids.length ? NONE : new Set(ids)))
  return { selected, toggle, clear, all }
}
