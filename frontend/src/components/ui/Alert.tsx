import { TriangleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import styles from './Notice.module.css'

interface AlertProps {
  /** `warn`: it works, and something is to be seen to. */
  tone?: 'error' | 'warn'
  testId: string
  children: ReactNode
}

/** What is read out at once: what went wrong, or will. */
export function Alert({ tone = 'error', testId, children }: AlertProps) {
  return (
    <div role="alert" className={styles.alert} data-tone={tone} data-testid={testId}>
      <TriangleAlert size={16} aria-hidden />
      <div>{children}</div>
    </div>
  )
}
