import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { SyntheticEvent } from 'react'
import { ApiProblem } from '../../app/api/problem'
import { useAuth } from '../../app/auth/context'
import { webhooks } from '../../app/webhooks/api'
import { storeEndpoint } from '../../app/webhooks/data'
import { draftOfEndpoint, faultsOfDraft, faultsOfServer, inputOfDraft } from '../../app/webhooks/draft'
import type { EndpointDraft, EndpointFaults } from '../../app/webhooks/draft'
import type { Endpoint } from '../../app/webhooks/types'
import { focusFirstFault } from '../firstFault'
import { Problem } from '../Problem'
import { useToast } from '../toast'
import { Alert } from '../ui/Alert'
import { Button } from '../ui/Button'
import { Field, areaClass, inputClass } from '../ui/Field'
import { Sheet } from '../ui/Sheet'
import { FilterTest } from './FilterTest'
import styles from './Form.module.css'
import { Secret } from './Secret'

const FORM_ID = 'endpoint-form'

interface EndpointFormProps {
  /** null: a new one. */
  endpoint: Endpoint | null
  onClose: () => void
  onCreated: (id: string) => void
}

/** Makes or changes an endpoint. A new one shows its secret, once. */
export function EndpointForm({ endpoint, onClose, onCreated }: EndpointFormProps) {
  const form = useEndpointForm(endpoint, onClose)
  const made = form.made
  if (made) {
    const done = () => {
      onClose()
      onCreated(made.id)
    }
    return (
      <Sheet
        open
        onClose={done}
        title="Endpoint created"
        description="The signing secret of the new endpoint"
        footer={
          <Button tone="primary" onClick={done}>
            I have put it away
          </Button>
        }
      >
        <div className={styles.form}>
          {made.warning && (
            <Alert tone="warn" testId="warning">
              <p>{made.warning}</p>
            </Alert>
          )}
          <Secret secret={made.secret} />
        </div>
      </Sheet>
    )
  }
  return (
    <Sheet
      open
      onClose={onClose}
      title={endpoint ? 'Edit endpoint' : 'New endpoint'}
      description="Where webhooks go, and which"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" type="submit" form={FORM_ID} disabled={form.isSaving}>
            {endpoint ? 'Save' : 'Create'}
          </Button>
        </>
      }
    >
      <form id={FORM_ID} className={styles.form} noValidate onSubmit={form.submit}>
        {form.error && <Problem error={form.error} />}
        <Where {...form} />
        <Which {...form} />
        <details>
          <summary>Limits, retries and order</summary>
          <div className={styles.form}>
            <How {...form} />
          </div>
        </details>
      </form>
    </Sheet>
  )
}

function useEndpointForm(endpoint: Endpoint | null, onClose: () => void) {
  const { api } = useAuth()
  const qc = useQueryClient()
  const say = useToast()
  const [draft, setDraft] = useState(() => draftOfEndpoint(endpoint))
  const [isChecked, setChecked] = useState(false)
  const [made, setMade] = useState<(Endpoint & { secret: string }) | null>(null)
  const save = useMutation({
    mutationFn: async () => {
      const input = inputOfDraft(draft)
      if (endpoint) return await webhooks.update(api, endpoint.id, input)
      const created = await webhooks.create(api, input)
      setMade(created)
      return created
    },
    onSuccess: ({ warning, ...saved }) => {
      storeEndpoint(qc, saved)
      if (!endpoint) return
      say('Endpoint saved')
      if (warning) say(warning, 'error')
      onClose()
    },
  })
  const own = faultsOfDraft(draft)
  const server = save.error instanceof ApiProblem ? faultsOfServer(save.error.errors) : {}
  const faults: EndpointFaults = isChecked
    ? { ...server, ...own }
    : { ...server, filter: own.filter ?? server.filter ?? '' }
  const set = (name: keyof EndpointDraft) => (value: string) => {
    if (save.isError) save.reset()
    setDraft({ ...draft, [name]: value })
  }
  const submit = (e: SyntheticEvent<HTMLFormElement>) => {
    e.preventDefault()
    const form = e.currentTarget
    setChecked(true)
    if (Object.keys(own).length > 0) return focusFirstFault(form)
    save.mutate(undefined, { onError: () => focusFirstFault(form) })
  }
  return { draft, set, faults, submit, made, error: save.error, isSaving: save.isPending }
}

interface PartProps {
  draft: EndpointDraft
  faults: EndpointFaults
  set: (name: keyof EndpointDraft) => (value: string) => void
}

interface TextProps extends PartProps {
  name: keyof EndpointDraft
  label: string
  hint?: string
  placeholder?: string
  rows?: number
}

function Text({ draft, faults, set, name, label, hint, placeholder, rows }: TextProps) {
  return (
    <Field label={label} hint={hint} fault={faults[name] ?? ''}>
      {(aria) => {
        const common = {
          ...aria,
          name,
          placeholder,
          spellCheck: false,
          autoComplete: 'off',
          value: draft[name],
          onChange: (e: { target: { value: string } }) => set(name)(e.target.value),
        }
        return rows ? (
          <textarea {...common} rows={rows} className={`${areaClass} ${styles.small}`} />
        ) : (
          <input {...common} className={inputClass} />
        )
      }}
    </Field>
  )
}

function Where(part: PartProps) {
  return (
    <>
      <Text {...part} name="url" label="URL" placeholder="https://shop.example/webhooks" />
      <Text {...part} name="description" label="Name" hint="For you; anything." />
    </>
  )
}

function Which(part: PartProps) {
  return (
    <>
      <Text
        {...part}
        name="types"
        label="Types"
        placeholder="order.*, user.created"
        hint="Separated by commas; * stands for any characters. Empty: every type."
      />
      <Text
        {...part}
        name="filter"
        label="Filter"
        rows={3}
        placeholder={'{"payload.amount": {"gte": 100}}'}
        hint="Conditions on the payload, as JSON. Empty: none."
      />
      <FilterTest draft={part.draft} />
    </>
  )
}

function How(part: PartProps) {
  return (
    <>
      <Text
        {...part}
        name="headers"
        label="Headers"
        rows={2}
        placeholder="X-Team: billing"
        hint="One a line. Values are secrets: where (set) stays, the value stays."
      />
      <div className={styles.pair}>
        <Text {...part} name="inFlight" label="At once" hint="Requests under way." />
        <Text {...part} name="rate" label="A second" hint="Requests; 0 is no limit." />
        <Text {...part} name="timeout" label="Timeout, seconds" hint="For each request." />
      </div>
      <Text {...part} name="schedule" label="Attempts" hint="The wait before each, from the one before it." />
      <Text
        {...part}
        name="orderKey"
        label="In order of"
        placeholder="customer.id"
        hint="A path into the payload: events that agree there go one after the other. Empty: no order."
      />
    </>
  )
}
