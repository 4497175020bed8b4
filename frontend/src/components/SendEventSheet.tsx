import { Send } from 'lucide-react'
import { useId, useRef, useState } from 'react'
import type { Dispatch, SyntheticEvent } from 'react'
import { ApiProblem } from '../app/api/problem'
import type { NewEvent } from '../app/api/types'
import { useSeen } from '../app/events/seen'
import { newKey } from '../lib/query/newKey'
import { useCreateEvent } from '../lib/query/useCreateEvent'
import { draftOf, eventOfDraft, faultsFrom, faultsOf, templates } from '../app/send/draft'
import type { Draft, DraftFaults } from '../app/send/draft'
import { keepsKey } from '../app/send/keepsKey'
import { focusFirstFault } from './firstFault'
import { Problem } from './Problem'
import styles from './SendEventSheet.module.css'
import { useToast } from './toast'
import { Button } from './ui/Button'
import { Field, areaClass, inputClass } from './ui/Field'
import { Sheet } from './ui/Sheet'

interface SendEventSheetProps {
  open: boolean
  /** What to begin with, in place of what was typed last. */
  draft: NewEvent | undefined
  onOpen: () => void
  onClose: () => void
}

const NO_FAULTS: DraftFaults = { type: '', source: '', payload: '' }
const FORM_ID = 'send-event'

/** The form that sends an event. It closes at once and comes back, as it was, should the server refuse. */
export function SendEventSheet({ open, draft: given, onOpen, onClose }: SendEventSheetProps) {
  const form = useSendForm(given, onOpen, onClose)
  return (
    <Sheet
      open={open}
      onClose={onClose}
      title="Send event"
      description="Compose an event and send it to the server"
      footer={
        <>
          <span className={styles.hint}>Ctrl or ⌘ with Enter sends.</span>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" type="submit" form={FORM_ID} data-testid="send-submit">
            <Send size={14} aria-hidden />
            Send
          </Button>
        </>
      }
    >
      <form
        id={FORM_ID}
        className={styles.form}
        noValidate
        onSubmit={form.submit}
        onKeyDown={(e) => {
          if (e.key === 'Enter' && (e.ctrlKey || e.metaKey))
            e.currentTarget.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }))
        }}
      >
        {form.error && <Problem error={form.error} />}
        <Templates onPick={(event) => form.setDraft(draftOf(event))} />
        <NameFields draft={form.draft} faults={form.faults} setDraft={form.setDraft} />
        <PayloadField draft={form.draft} fault={form.faults.payload} setDraft={form.setDraft} />
      </form>
    </Sheet>
  )
}

function useSendForm(given: NewEvent | undefined, onOpen: () => void, onClose: () => void) {
  const [draft, setDraftState] = useState(() =>
    draftOf(given ?? templates[0]?.event ?? { type: '', source: '', payload: {} }),
  )
  const [shown, setShown] = useState(given)
  const [checked, setChecked] = useState(false)
  const [serverFaults, setServerFaults] = useState(NO_FAULTS)
  const key = useRef(newKey())
  const send = useCreateEvent()
  const say = useToast()

  if (given !== shown) {
    setShown(given)
    if (given) setDraftState(draftOf(given))
  }
  const setDraft = (next: Draft) => {
    setDraftState(next)
    setServerFaults(NO_FAULTS)
    key.current = newKey()
  }
  const own = faultsOf(draft)
  const hasFault = Object.values(own).some(Boolean)

  const failed = (error: unknown) => {
    if (!keepsKey(error)) key.current = newKey()
    setServerFaults(error instanceof ApiProblem ? faultsFrom(error.errors) : NO_FAULTS)
    onOpen()
  }
  const submit = (e: SyntheticEvent<HTMLFormElement>) => {
    e.preventDefault()
    setChecked(true)
    if (hasFault) return focusFirstFault(e.currentTarget)
    onClose()
    const event = eventOfDraft(draft)
    // Not mutate with callbacks: those of an earlier submission would be lost with the next one.
    send.mutateAsync({ key: key.current, event }).then(() => sent(event.type), failed)
  }
  const sent = (type: string) => {
    key.current = newKey()
    setChecked(false)
    say(`${type} sent`)
  }
  const faults = checked
    ? merged(own, serverFaults)
    : { ...serverFaults, payload: own.payload || serverFaults.payload }
  return { draft, setDraft, faults, error: send.error, submit }
}

function merged(own: DraftFaults, server: DraftFaults): DraftFaults {
  return {
    type: own.type || server.type,
    source: own.source || server.source,
    payload: own.payload || server.payload,
  }
}

function Templates({ onPick }: { onPick: (event: NewEvent) => void }) {
  return (
    <div className={styles.templates} role="group" aria-label="Templates">
      {templates.map(({ name, event }) => (
        <Button key={name} onClick={() => onPick(event)}>
          {name}
        </Button>
      ))}
    </div>
  )
}

interface FieldsProps {
  draft: Draft
  faults: DraftFaults
  setDraft: Dispatch<Draft>
}

const nameFields = [
  { name: 'type', label: 'Type', hint: 'What happened, as noun.verb.' },
  { name: 'source', label: 'Source', hint: 'The system it happened in.' },
] as const

function NameFields({ draft, faults, setDraft }: FieldsProps) {
  const seen = useSeen()
  const id = useId()
  return nameFields.map(({ name, label, hint }) => (
    <Field key={name} label={label} hint={hint} fault={faults[name]}>
      {(aria) => (
        <>
          <input
            {...aria}
            name={name}
            autoFocus={name === 'type'}
            className={inputClass}
            list={`${id}-${name}`}
            autoComplete="off"
            spellCheck={false}
            value={draft[name]}
            onChange={(e) => setDraft({ ...draft, [name]: e.target.value })}
          />
          <datalist id={`${id}-${name}`}>
            {seen[name].map((word) => (
              <option key={word} value={word} />
            ))}
          </datalist>
        </>
      )}
    </Field>
  ))
}

function PayloadField({
  draft,
  fault,
  setDraft,
}: {
  draft: Draft
  fault: string
  setDraft: Dispatch<Draft>
}) {
  return (
    <Field label="Payload" hint="A JSON object." fault={fault}>
      {(aria) => (
        <textarea
          {...aria}
          name="payload"
          className={areaClass}
          rows={12}
          spellCheck={false}
          value={draft.payload}
          onChange={(e) => setDraft({ ...draft, payload: e.target.value })}
        />
      )}
    </Field>
  )
}
