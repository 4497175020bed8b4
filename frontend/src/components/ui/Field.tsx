import { useId } from 'react'
import type { ReactNode } from 'react'
import styles from './Field.module.css'

export const inputClass = styles.input ?? ''
export const areaClass = `${styles.input} ${styles.area}`

/** What an input in a field has to carry. */
export interface FieldAria {
  id: string
  'aria-describedby': string
  'aria-invalid': boolean
}

interface FieldProps {
  label: string
  hint?: ReactNode
  /** What is wrong with it; '' is nothing. */
  fault?: string
  children: (aria: FieldAria) => ReactNode
}

/** A labelled input with its hint and its fault. */
export function Field({ label, hint, fault = '', children }: FieldProps) {
  const id = useId()
  const note = `${id}-note`
  return (
    <div className={styles.field}>
      <label className={styles.label} htmlFor={id}>
        {label}
      </label>
      {children({ id, 'aria-describedby': note, 'aria-invalid': fault !== '' })}
      <span id={note} className={fault ? styles.fault : styles.hint} aria-live="polite">
        {fault || hint}
      </span>
    </div>
  )
}
