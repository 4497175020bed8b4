import type { CSSProperties } from 'react'
import styles from './Skeleton.module.css'

interface SkeletonProps {
  /** How many lines will stand here, at least. */
  lines: number
  /** How tall each will be, pixels. */
  height: number
  /** It stands at the edge of the page, and its lines keep from it. */
  inset?: boolean
  /** What is loaded, for those who do not see it. */
  label?: string
}

/** Keeps the room of lines that are not known yet. */
export function Skeleton({ lines, height, inset = false, label }: SkeletonProps) {
  const style = { height: lines * height, '--line': `${height}px` } as CSSProperties
  return (
    <div className={styles.skeleton} style={style} data-inset={inset} aria-busy="true" data-testid="skeleton">
      {label && (
        <p role="status" className="visually-hidden">
          {label}
        </p>
      )}
    </div>
  )
}
