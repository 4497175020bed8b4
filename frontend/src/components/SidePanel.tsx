import { X } from 'lucide-react'
import { useEffect, useLayoutEffect, useRef } from 'react'
import type { ReactNode } from 'react'
import { focusOpener } from './opener'
import styles from './SidePanel.module.css'
import { Button } from './ui/Button'

interface SidePanelProps {
  /** What is shown; its heading takes the focus whenever this changes, and `data-opens` of the list gets it back. */
  id: string
  label: string
  testId: string
  heading: ReactNode
  className?: string | undefined
  onClose: () => void
  children: ReactNode
}

/** Everything about one thing, beside the list it comes from. */
export function SidePanel({ id, label, testId, heading, className = '', onClose, children }: SidePanelProps) {
  const head = useRef<HTMLHeadingElement>(null)
  useEffect(() => head.current?.focus({ preventScroll: true }), [id])
  const box = useFocusBack(id)
  return (
    <aside ref={box} className={`${styles.panel} ${className}`} aria-label={label} data-testid={testId}>
      <div className={styles.head}>
        <h2 ref={head} tabIndex={-1}>
          {heading}
        </h2>
        <Button tone="quiet" icon aria-label="Close" title="Close (Esc)" onClick={onClose}>
          <X size={16} aria-hidden />
        </Button>
      </div>
      <div className={styles.body}>{children}</div>
    </aside>
  )
}

// Closed with the focus inside, it hands the focus to what opens it in the list; that gone, to the page's content.
function useFocusBack(id: string) {
  const box = useRef<HTMLElement>(null)
  const latest = useRef(id)
  useEffect(() => {
    latest.current = id
  })
  useLayoutEffect(() => {
    const panel = box.current
    return () => {
      if (!panel?.contains(document.activeElement)) return
      const opener = latest.current
      // Once the panel is gone: what lies under it cannot take the focus before.
      queueMicrotask(() => {
        if (document.activeElement !== document.body) return
        if (!focusOpener(opener)) document.getElementById('main')?.focus({ preventScroll: true })
      })
    }
  }, [])
  return box
}
