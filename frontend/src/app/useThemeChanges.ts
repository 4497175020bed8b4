import { useEffect, useState } from 'react'

/** A number that changes whenever the page's colours do; a canvas has to be drawn anew then. */
export function useThemeChanges(): number {
  const [changes, setChanges] = useState(0)
  useEffect(() => {
    const changed = () => setChanges((n) => n + 1)
    const queries = ['(prefers-color-scheme: dark)', '(forced-colors: active)'].map((q) =>
      window.matchMedia(q),
    )
    const choice = new MutationObserver(changed)
    for (const query of queries) query.addEventListener('change', changed)
    choice.observe(document.documentElement, { attributeFilter: ['data-theme'] })
    return () => {
      for (const query of queries) query.removeEventListener('change', changed)
      choice.disconnect()
    }
  }, [])
  return changes
}
