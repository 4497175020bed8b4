import { KeyRound, Pause, Pencil, Play, RotateCw, Send, Trash2 } from 'lucide-react'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { asProblem, remedy } from '../../app/api/problem'
import { useAuth } from '../../app/auth/context'
import { count, percent } from '../../app/format'
import { useNow } from '../../app/now'
import { keys } from '../../app/queries'
import { webhooks } from '../../app/webhooks/api'
import { useChangeEndpoint, useDeliveries } from '../../app/webhooks/data'
import { healthOf, successRate } from '../../app/webhooks/health'
import type { DeliveryStatus, Endpoint } from '../../app/webhooks/types'
import { endpointName } from '../../app/names'
import { Confirm } from '../Confirm'
import { Moment } from '../Moment'
import { Problem } from '../Problem'
import { SidePanel } from '../SidePanel'
import panel from '../SidePanel.module.css'
import { useToast } from '../toast'
import { Button } from '../ui/Button'
import { inputClass } from '../ui/Field'
import { DeliveryList } from './DeliveryList'
import { EndpointForm } from './EndpointForm'
import styles from './EndpointPanel.module.css'
import { HealthBadge } from './HealthBadge'
import { RecoverDialog } from './RecoverDialog'
import { Recoveries } from './Recoveries'
import { SecretDialog } from './SecretDialog'
import { TestDialog } from './TestDialog'
import { addsTo, dueIn } from './words'

type Dialog = 'edit' | 'test' | 'secret' | 'recover' | 'remove'

interface EndpointPanelProps {
  endpoint: Endpoint
  onClose: () => void
}

/** Everything about one endpoint, beside the list: how it does, what can be done, its deliveries live. */
export function EndpointPanel({ endpoint, onClose }: EndpointPanelProps) {
  const [dialog, setDialog] = useState<Dialog | null>(null)
  return (
    <SidePanel
      id={endpoint.id}
      label="Endpoint"
      testId="endpoint-panel"
      heading={endpointName(endpoint)}
      className={styles.wide}
      onClose={onClose}
    >
      <Actions endpoint={endpoint} onDialog={setDialog} />
      <State endpoint={endpoint} />
      <Facts endpoint={endpoint} />
      <Recoveries endpoint={endpoint.id} />
      <Deliveries endpoint={endpoint} onRecover={() => setDialog('recover')} />
      <Dialogs endpoint={endpoint} dialog={dialog} onDone={() => setDialog(null)} onRemoved={onClose} />
    </SidePanel>
  )
}

function Actions({ endpoint, onDialog }: { endpoint: Endpoint; onDialog: (dialog: Dialog) => void }) {
  const { isAdmin } = useAuth()
  const say = useToast()
  const change = useChangeEndpoint(endpoint.id)
  const isActive = endpoint.status === 'active'
  const toggle = () =>
    change.mutate(
      { paused: isActive },
      {
        onSuccess: () => say(isActive ? 'Paused: events wait' : 'Active again'),
        onError: (error) => say(`${asProblem(error).message}. ${remedy(asProblem(error))}`, 'error'),
      },
    )
  return (
    <div className={panel.actions}>
      <Button disabled={!isAdmin} onClick={() => onDialog('test')}>
        <Send size={14} aria-hidden /> Send a test
      </Button>
      <Button disabled={!isAdmin || change.isPending} onClick={toggle}>
        {isActive ? <Pause size={14} aria-hidden /> : <Play size={14} aria-hidden />}
        {isActive ? 'Pause' : endpoint.status === 'paused' ? 'Resume' : 'Enable'}
      </Button>
      <Button disabled={!isAdmin} onClick={() => onDialog('edit')}>
        <Pencil size={14} aria-hidden /> Edit
      </Button>
      <Button disabled={!isAdmin} onClick={() => onDialog('secret')}>
        <KeyRound size={14} aria-hidden /> New secret
      </Button>
      <Button tone="danger" disabled={!isAdmin} onClick={() => onDialog('remove')}>
        <Trash2 size={14} aria-hidden /> Delete
      </Button>
      {!isAdmin && <p className={styles.muted}>Changes need a key with the scope admin.</p>}
    </div>
  )
}

// What is wrong, why, and what happens next: the first thing to read at 3 a.m.
function State({ endpoint: e }: { endpoint: Endpoint }) {
  const now = useNow(1000)
  const state = healthOf(e, now)
  return (
    <div className={styles.state} data-state={state}>
      <HealthBadge state={state} />
      {state === 'disabled' && <p>{e.disabled_reason}. Mend the receiver, then enable it again.</p>}
      {state === 'paused' && <p>Nothing is sent; events wait until it is resumed.</p>}
      {state === 'holding' && e.hold_until && (
        <p>
          {count(e.consecutive_failures)} failures in a row. One attempt is made {dueIn(e.hold_until, now)};
          if it succeeds, all that waits follows.
        </p>
      )}
      {e.consecutive_failures > 0 && addsTo(e.disabled_reason, e.last_error) && (
        <p className={styles.error}>{e.last_error}</p>
      )}
      {state === 'lost' && (
        <p>Nothing is left to retry: once the receiver is mended, recover what it has missed.</p>
      )}
      {e.failing_since && (
        <p className={styles.muted}>
          Failing since <Moment at={e.failing_since} />
        </p>
      )}
    </div>
  )
}

function Facts({ endpoint: e }: { endpoint: Endpoint }) {
  const rate = successRate(e)
  const never = (at: string | null) => (at ? <Moment at={at} /> : 'never')
  return (
    <dl className={panel.facts}>
      <dt>URL</dt>
      <dd>
        <code>{e.url}</code>
      </dd>
      <dt>Id</dt>
      <dd>
        <code>{e.id}</code>
      </dd>
      <dt>Types</dt>
      <dd>{e.types.length > 0 ? e.types.join(', ') : 'all'}</dd>
      {e.filter && (
        <>
          <dt>Filter</dt>
          <dd>
            <code>{e.filter_text ?? JSON.stringify(e.filter)}</code>
            {e.filter_problem && <p>It can never match as it was meant: {e.filter_problem}.</p>}
          </dd>
        </>
      )}
      {e.order_key && (
        <>
          <dt>In order of</dt>
          <dd>
            <code>{e.order_key}</code>
          </dd>
        </>
      )}
      <dt>Deliveries</dt>
      <dd>
        {count(e.pending)} waiting, {count(e.delivered)} delivered, {count(e.failed)} gave up
        {rate !== null && ` (${percent(rate)})`}
      </dd>
      <dt>Last success</dt>
      <dd>{never(e.last_success_at)}</dd>
      <dt>Last failure</dt>
      <dd>{never(e.last_failure_at)}</dd>
      <dt>Limits</dt>
      <dd>
        {e.max_in_flight} at once, {e.rate_per_second > 0 ? `${e.rate_per_second} a second` : 'no rate limit'}
        , {e.timeout_ms / 1000} s each
      </dd>
    </dl>
  )
}

const statuses: readonly { value: DeliveryStatus | ''; word: string }[] = [
  { value: '', word: 'All' },
  { value: 'pending', word: 'Waiting' },
  { value: 'failed', word: 'Gave up' },
  { value: 'delivered', word: 'Delivered' },
  { value: 'canceled', word: 'Canceled' },
]

function Deliveries({ endpoint, onRecover }: { endpoint: Endpoint; onRecover: () => void }) {
  const [status, setStatus] = useState<DeliveryStatus | ''>('')
  const { canWrite } = useAuth()
  const list = useDeliveries(endpoint.id, status)
  const deliveries = list.data?.pages.flatMap((p) => p.deliveries) ?? []
  return (
    <section aria-label="Deliveries">
      <div className={panel.bar}>
        <h3>Deliveries</h3>
        <select
          aria-label="Deliveries to show"
          className={`${inputClass} ${styles.select}`}
          value={status}
          onChange={(e) => setStatus(e.target.value as DeliveryStatus | '')}
        >
          {statuses.map(({ value, word }) => (
            <option key={value} value={value}>
              {word}
            </option>
          ))}
        </select>
        <Button disabled={!canWrite} onClick={onRecover}>
          <RotateCw size={14} aria-hidden /> Recover…
        </Button>
      </div>
      {list.error && <Problem error={list.error} />}
      {list.isPending && <p role="status">Loading…</p>}
      {list.data && deliveries.length === 0 && (
        <p className={styles.muted}>
          {status ? 'None.' : 'None yet: the next event that matches will appear here.'}
        </p>
      )}
      <DeliveryList
        deliveries={deliveries}
        titleOf={(d) => d.event_type}
        endpointOf={() => endpoint}
        linkOf={(d) => ({ href: `/events?event=${d.event_id}`, word: 'Open the event' })}
      />
      {list.hasNextPage && (
        <Button disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          {list.isFetchingNextPage ? 'Loading…' : 'Show more'}
        </Button>
      )}
    </section>
  )
}

interface DialogsProps {
  endpoint: Endpoint
  dialog: Dialog | null
  onDone: () => void
  onRemoved: () => void
}

function Dialogs({ endpoint, dialog, onDone, onRemoved }: DialogsProps) {
  const { api } = useAuth()
  const qc = useQueryClient()
  const say = useToast()
  const remove = () =>
    void webhooks.remove(api, endpoint.id).then(
      () => {
        say('Endpoint deleted')
        onRemoved()
        void qc.invalidateQueries({ queryKey: keys.endpoints })
      },
      (error: unknown) => say(`${asProblem(error).message}. ${remedy(asProblem(error))}`, 'error'),
    )
  switch (dialog) {
    case 'edit':
      return <EndpointForm endpoint={endpoint} onClose={onDone} onCreated={onDone} />
    case 'test':
      return <TestDialog endpoint={endpoint} onClose={onDone} />
    case 'secret':
      return <SecretDialog endpoint={endpoint} onClose={onDone} />
    case 'recover':
      return <RecoverDialog endpoint={endpoint} onClose={onDone} />
    case 'remove':
      return (
        <Confirm
          title="Delete this endpoint?"
          text={`${count(endpoint.pending)} deliveries that wait will be canceled, and its secret is gone for good.`}
          action="Delete"
          onConfirm={remove}
          onClose={onDone}
        />
      )
    case null:
      return null
  }
}
