import { useEffect, useId, useRef, useState } from 'react'
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
  const { box, shown, onInput, onBlur } = useShownFault(fault)
  return (
    <div ref={box} className={styles.field} onInput={onInput} onBlur={onBlur}>
      <label className={styles.label} htmlFor={id}>
        {label}
      </label>
      {children({ id, 'aria-describedby': note, 'aria-invalid': shown !== '' })}
      <span id={note}>
        <span className={styles.fault} aria-live="polite">
          {shown}
        </span>
        {shown === '' && <span className={styles.hint}>{hint}</span>}
      </span>
    </div>
  )
}

// While one types nothing is found fault with: that comes on leaving the field, or with the form. What is mended goes at once.
function useShownFault(fault: string) {
  const box = useRef<HTMLDivElement>(null)
  const [isTyping, setTyping] = useState(false)
  const [shown, setShown] = useState(fault)
  const next = isTyping && fault !== shown ? '' : fault
  if (next !== shown) setShown(next)
  useEffect(() => {
    const form = box.current?.closest('form')
    const onSubmit = () => setTyping(false)
    form?.addEventListener('submit', onSubmit)
    return () => form?.removeEventListener('submit', onSubmit)
  }, [])
  return { box, shown: next, onInput: () => setTyping(true), onBlur: () => setTyping(false) }
}
