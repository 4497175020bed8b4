import { CircleCheck, TriangleAlert, X } from 'lucide-react'
import { useCallback, useRef, useState } from 'react'
import type { FocusEvent, ReactNode } from 'react'
import { useHotkeys } from '../app/hotkeys'
import { ToastContext } from './toast'
import type { Say } from './toast'
import styles from './Toasts.module.css'
import { Button } from './ui/Button'

interface Toast {
  id: number
  text: string
  tone: 'done' | 'error'
}

const DONE_MS = 4000
/** Of what went well; what went wrong stays, however much it is. */
const DONE_AT_MOST = 3

/** Shows what useToast is told: what was done for a while, what failed until it is dismissed. */
export function ToastProvider({ children }: { children: ReactNode }) {
  const { toasts, say, close } = useToasts()
  const { box, onFocus, leave } = useWayBack()
  const closeButton = () => box.current?.querySelector('button')
  useHotkeys({ m: () => closeButton()?.focus() })
  const dismiss = (id: number, button: HTMLElement) => {
    const others = [...(box.current?.querySelectorAll('button') ?? [])].filter((b) => b !== button)
    const next = others[others.length - 1]
    if (next) next.focus()
    else leave()
    close(id)
  }
  return (
    <ToastContext.Provider value={say}>
      {children}
      <div
        ref={box}
        className={styles.toasts}
        role="log"
        aria-label="Messages"
        data-messages
        onFocus={onFocus}
      >
        {toasts.map((t) => (
          <div key={t.id} className={styles.toast} data-tone={t.tone} data-toast={t.id}>
            {t.tone === 'done' ? (
              <CircleCheck size={16} aria-hidden />
            ) : (
              <TriangleAlert size={16} role="img" aria-label="Error" />
            )}
            <span>{t.text}</span>
            <Button
              tone="quiet"
              icon
              aria-label="Dismiss"
              title={t.tone === 'error' ? 'Dismiss (m goes here)' : 'Dismiss'}
              onClick={(e) => dismiss(t.id, e.currentTarget)}
            >
              <X size={14} aria-hidden />
            </Button>
          </div>
        ))}
      </div>
    </ToastContext.Provider>
  )
}

function useToasts() {
  const [toasts, setToasts] = useState<readonly Toast[]>([])
  const lastId = useRef(0)
  const close = useCallback((id: number) => setToasts((all) => all.filter((t) => t.id !== id)), [])
  const say = useCallback<Say>(
    (text, tone = 'done') => {
      const id = lastId.current++
      setToasts((all) => withToast(all, { id, text, tone }))
      if (tone === 'error') return
      // Not from under the reader's focus.
      const end = () => {
        if (document.activeElement?.closest(`[data-toast="${id}"]`)) setTimeout(end, DONE_MS)
        else close(id)
      }
      setTimeout(end, DONE_MS)
    },
    [close],
  )
  return { toasts, say, close }
}

// The same failure again is one message, the latest; of what went well only the latest few are shown.
function withToast(all: readonly Toast[], next: Toast): readonly Toast[] {
  const others = all.filter((t) => t.tone !== 'error' || t.text !== next.text)
  const done = [...others, next].filter((t) => t.tone === 'done').slice(-DONE_AT_MOST)
  return [...others, next].filter((t) => t.tone === 'error' || done.includes(t))
}

// Where the focus was before it came to the messages; there it goes when the last of them is dismissed.
function useWayBack() {
  const box = useRef<HTMLDivElement>(null)
  const from = useRef<HTMLElement | null>(null)
  const onFocus = ({ relatedTarget }: FocusEvent) => {
    if (relatedTarget instanceof HTMLElement && !box.current?.contains(relatedTarget))
      from.current = relatedTarget
  }
  const leave = () => {
    const back = from.current?.isConnected ? from.current : document.getElementById('main')
    back?.focus({ preventScroll: true })
  }
  return { box, onFocus, leave }
}
