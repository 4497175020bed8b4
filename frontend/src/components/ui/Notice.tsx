import type { ReactNode } from 'react'
import styles from './Notice.module.css'

interface NoticeProps {
  icon: ReactNode
  title: string
  children?: ReactNode
}

/** Stands where there is nothing to show, and says why and what to do. */
export function Notice({ icon, title, children }: NoticeProps) {
  return (
    <div className={styles.notice}>
      {icon}
      <p className={styles.title}>{title}</p>
      {children}
    </div>
  )
}
