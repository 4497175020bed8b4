import { CircleCheck, TriangleAlert, X } from 'lucide-react'
import { useCallback, useRef, useState } from 'react'
import type { ReactNode } from 'react'
import { ToastContext } from './toast'
import type { Say } from './toast'
import styles from './Toasts.module.css'
import { Button } from './ui/Button'

interface Toast {
  id: number
  text: string
  tone: 'done' | 'error'
}

const SHOWN_MS = { done: 4000, error: 10_000 }
const AT_MOST = 3

/** Shows what useToast is told, for a while. */
export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<Toast[]>([])
  const lastId = useRef(0)
  const close = (id: number) => setToasts((all) => all.filter((t) => t.id !== id))
  const say = useCallback<Say>((text, tone = 'done') => {
    const id = lastId.current++
    setToasts((all) => [...all, { id, text, tone }].slice(-AT_MOST))
    setTimeout(() => setToasts((all) => all.filter((t) => t.id !== id)), SHOWN_MS[tone])
  }, [])
  return (
    <ToastContext.Provider value={say}>
      {children}
      <div className={styles.toasts} aria-live="polite">
        {toasts.map((t) => (
          <div key={t.id} className={styles.toast} data-tone={t.tone}>
            {t.tone === 'done' ? (
              <CircleCheck size={16} aria-hidden />
            ) : (
              <TriangleAlert size={16} aria-hidden />
            )}
            <span>{t.text}</span>
            <Button tone="quiet" icon aria-label="Dismiss" onClick={() => close(t.id)}>
              <X size={14} aria-hidden />
            </Button>
          </div>
        ))}
      </div>
    </ToastContext.Provider>
  )
}
