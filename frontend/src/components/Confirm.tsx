import { Button } from './ui/Button'
import { Sheet } from './ui/Sheet'

interface ConfirmProps {
  title: string
  /** What will happen, and whether it can be undone. */
  text: string
  action: string
  onConfirm: () => void
  onClose: () => void
}

/** Asks before something that cannot be undone. */
export function Confirm({ title, text, action, onConfirm, onClose }: ConfirmProps) {
  const confirm = () => {
    onClose()
    onConfirm()
  }
  return (
    <Sheet
      open
      alert
      place="middle"
      onClose={onClose}
      title={title}
      description={text}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="danger" onClick={confirm}>
            {action}
          </Button>
        </>
      }
    >
      <p>{text}</p>
    </Sheet>
  )
}
