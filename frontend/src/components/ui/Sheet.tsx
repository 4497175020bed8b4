import * as Dialog from '@radix-ui/react-dialog'
import { X } from 'lucide-react'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { Button } from './Button'
import styles from './Sheet.module.css'

interface SheetProps {
  open: boolean
  onClose: () => void
  title: string
  /** What it is for; read out with the title. */
  description: string
  /** 'side' slides in at the right, 'middle' is a dialog box. */
  place?: 'side' | 'middle'
  /** An alert: has to be answered. */
  alert?: boolean
  footer?: ReactNode
  children: ReactNode
}

/** A modal sheet: keeps the focus, closes with Esc and gives the focus back. */
export function Sheet({
  open,
  onClose,
  title,
  description,
  place = 'side',
  alert,
  footer,
  children,
}: SheetProps) {
  const giveBack = useOpener(open)
  return (
    <Dialog.Root open={open} onOpenChange={(isOpen) => !isOpen && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className={styles.scrim} />
        <Dialog.Content
          className={place === 'side' ? styles.sheet : styles.dialog}
          role={alert ? 'alertdialog' : 'dialog'}
          onCloseAutoFocus={(e) => {
            e.preventDefault()
            giveBack()
          }}
          onInteractOutside={(e) => {
            // A message is dismissed without leaving what one is at.
            if (e.target instanceof Element && e.target.closest('[data-messages]')) e.preventDefault()
          }}
        >
          <div className={styles.head}>
            <Dialog.Title className={styles.title}>{title}</Dialog.Title>
            <Dialog.Description className="visually-hidden">{description}</Dialog.Description>
            <Dialog.Close asChild>
              <Button tone="quiet" icon aria-label="Close">
                <X size={16} aria-hidden />
              </Button>
            </Dialog.Close>
          </div>
          <div className={styles.body}>{children}</div>
          {footer && <div className={styles.foot}>{footer}</div>}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

// What had the focus when it opened; Radix knows only openers of its own kind.
function useOpener(open: boolean): () => void {
  const [wasOpen, setWasOpen] = useState(false)
  const [opener, setOpener] = useState<Element | null>(null)
  if (open !== wasOpen) {
    setWasOpen(open)
    if (open) setOpener(document.activeElement)
  }
  return () => {
    // What the dialog led to may have taken the focus already.
    if (document.activeElement !== document.body) return
    const back = opener?.isConnected ? opener : document.getElementById('main')
    if (back instanceof HTMLElement) back.focus({ preventScroll: true })
  }
}
