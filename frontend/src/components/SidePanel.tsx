import { X } from 'lucide-react'
import { useEffect, useRef } from 'react'
import type { ReactNode } from 'react'
import styles from './SidePanel.module.css'
import { Button } from './ui/Button'

interface SidePanelProps {
  /** What is shown; its heading takes the focus whenever this changes. */
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
  return (
    <aside className={`${styles.panel} ${className}`} aria-label={label} data-testid={testId}>
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
