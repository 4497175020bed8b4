import { useEffect, useState } from 'react'

/** A number that changes whenever the page's colours do; a canvas has to be drawn anew then. */
export function useThemeChanges(): number {
  const [changes, setChanges] = useState(0)
  useEffect(() => {
    const changed = () => setChanges((n) => n + 1)
    const system = window.matchMedia('(prefers-color-scheme: dark)')
    const choice = new MutationObserver(changed)
    system.addEventListener('change', changed)
    choice.observe(document.documentElement, { attributeFilter: ['data-theme'] })
    return () => {
      system.removeEventListener('change', changed)
      choice.disconnect()
    }
  }, [])
  return changes
}
