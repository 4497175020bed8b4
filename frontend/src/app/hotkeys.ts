import { useEffect, useRef } from 'react'

/** Keys, or two keys in a row as `g d`, and what they do. */
export type Hotkeys = Record<string, () => void>

const PAUSE_MS = 1000

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  )
}

// Keys that a focused button or link answers itself.
const isPress = (e: KeyboardEvent) =>
  (e.key === 'Enter' || e.key === ' ') &&
  e.target instanceof HTMLElement &&
  /^(BUTTON|A)$/.test(e.target.tagName)

// Radix marks what is open; a sheet has its own keys.
const isBehindDialog = () => document.querySelector('[role="dialog"],[role="alertdialog"]') !== null

/** Listens for keys on the whole page, except while something is typed or a dialog is open. */
export function useHotkeys(hotkeys: Hotkeys): void {
  const latest = useRef(hotkeys)
  useEffect(() => {
    latest.current = hotkeys
  })
  useEffect(() => {
    let before = { key: '', at: 0 }
    const onKey = (e: KeyboardEvent) => {
      if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey) return
      if (isTyping(e.target) || isPress(e) || isBehindDialog()) return
      const pair = Date.now() - before.at < PAUSE_MS ? `${before.key} ${e.key}` : ''
      before = { key: e.key, at: Date.now() }
      const run = latest.current[pair] ?? latest.current[e.key]
      if (!run) return
      e.preventDefault()
      run()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [])
}
