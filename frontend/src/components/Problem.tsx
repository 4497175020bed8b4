import { TriangleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import { asProblem, remedy } from '../app/api/problem'
import styles from './ui/Notice.module.css'

/** What went wrong, in the server's words, and what to do about it. */
export function Problem({ error, children }: { error: unknown; children?: ReactNode }) {
  const problem = asProblem(error)
  return (
    <div role="alert" className={styles.alert} data-testid="problem">
      <TriangleAlert size={16} aria-hidden />
      <div>
        <p className={styles.strong}>{problem.title}</p>
        {problem.detail && problem.detail !== problem.title && <p>{problem.detail}</p>}
        {problem.errors.length > 0 && (
          <ul className={styles.list}>
            {problem.errors.map((e) => (
              <li key={`${e.field} ${e.reason}`}>
                {e.field} {e.reason}
              </li>
            ))}
          </ul>
        )}
        <p>{remedy(problem)}</p>
        {children}
      </div>
    </div>
  )
}
