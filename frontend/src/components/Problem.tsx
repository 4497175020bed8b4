import type { ReactNode } from 'react'
import { asProblem, remedy } from '../app/api/problem'
import { Alert } from './ui/Alert'
import styles from './ui/Notice.module.css'

interface ProblemProps {
  error: unknown
  /** What to do, where the general advice would be wrong. */
  hint?: string
  children?: ReactNode
}

/** What went wrong, in the server's words, and what to do about it. */
export function Problem({ error, hint, children }: ProblemProps) {
  const problem = asProblem(error)
  return (
    <Alert testId="problem">
      <p className={styles.strong}>{problem.title}</p>
      {/* Of one fault the detail says what the list would say again. */}
      {problem.errors.length < 2 && problem.detail && problem.detail !== problem.title && (
        <p>{problem.detail}</p>
      )}
      {problem.errors.length > 1 && (
        <ul className={styles.list}>
          {problem.errors.map((e) => (
            <li key={`${e.field} ${e.reason}`}>
              {e.field} {e.reason}
            </li>
          ))}
        </ul>
      )}
      <p>{hint ?? remedy(problem)}</p>
      {children}
    </Alert>
  )
}
