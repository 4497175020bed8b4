import { useId } from 'react'
import type { ReactNode } from 'react'
import styles from './Panel.module.css'

interface PanelProps {
  title: string
  /** Stands beside the title. */
  aside?: ReactNode
  testId?: string
  children: ReactNode
}

/** A titled part of the dashboard. */
export function Panel({ title, aside, testId, children }: PanelProps) {
  const id = useId()
  return (
    <section className={styles.panel} aria-labelledby={id} data-testid={testId}>
      <div className={styles.head}>
        <h2 id={id}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  )
}
