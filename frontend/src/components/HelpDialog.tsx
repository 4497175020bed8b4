import { Fragment } from 'react'
import styles from './HelpDialog.module.css'
import { Sheet } from './ui/Sheet'

const keys = [
  ['/', 'Search the events'],
  ['j', 'Next event'],
  ['k', 'Event before'],
  ['x', 'Select the event'],
  ['Enter', 'Open the event'],
  ['Esc', 'Close'],
  ['n', 'Send an event'],
  ['m', 'Go to the message'],
  ['g d', 'Go to the dashboard'],
  ['g e', 'Go to the events'],
  ['g w', 'Go to the webhooks'],
  ['?', 'Show these shortcuts'],
] as const

/** What the keyboard can do. */
export function HelpDialog({ onClose }: { onClose: () => void }) {
  return (
    <Sheet
      open
      onClose={onClose}
      title="Keyboard shortcuts"
      description="What the keyboard can do"
      place="middle"
    >
      <dl className={styles.keys}>
        {keys.map(([key, word]) => (
          <Fragment key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{word}</dd>
          </Fragment>
        ))}
      </dl>
    </Sheet>
  )
}
