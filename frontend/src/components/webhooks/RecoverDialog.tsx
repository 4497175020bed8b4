import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useAuth } from '../../app/auth/context'
import { serverClock } from '../../app/clock'
import { count, seconds } from '../../app/format'
import { keys } from '../../app/queries'
import { webhooks } from '../../app/webhooks/api'
import type { RecoverRequest } from '../../app/webhooks/api'
import { useAllEndpoints } from '../../app/webhooks/data'
import type { Endpoint, Recovery } from '../../app/webhooks/types'
import { endpointName } from '../../app/names'
import { Problem } from '../Problem'
import { Button } from '../ui/Button'
import { Field, inputClass } from '../ui/Field'
import { Sheet } from '../ui/Sheet'
import styles from './Form.module.css'

const spans = [
  { hours: 1, word: 'the last hour' },
  { hours: 24, word: 'the last 24 hours' },
  { hours: 24 * 7, word: 'the last 7 days' },
  { hours: 24 * 90, word: 'the last 90 days' },
]
const rates = [1, 10, 50, 200]

/** Retries what an endpoint gave up, or replays to it what went to another: the count first, then at a rate. */
export function RecoverDialog({ endpoint, onClose }: { endpoint: Endpoint; onClose: () => void }) {
  const { api } = useAuth()
  const qc = useQueryClient()
  const form = useRecoverForm(endpoint)
  const start = useMutation({
    mutationFn: () => webhooks.recover(api, endpoint.id, form.request),
    onSuccess: () => {
      void qc.invalidateQueries({ queryKey: keys.recoveries(endpoint.id) })
      onClose()
    },
  })
  const n = form.preview.data?.count
  return (
    <Sheet
      open
      place="middle"
      onClose={onClose}
      title="Recover deliveries"
      description="Send again what this endpoint has missed"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" disabled={!n || start.isPending} onClick={() => start.mutate()}>
            {n ? `Send ${count(n)}` : 'Send'}
          </Button>
        </>
      }
    >
      <div className={styles.form}>
        {(start.error ?? form.preview.error) && <Problem error={start.error ?? form.preview.error} />}
        <RecoverFields form={form} endpoint={endpoint} />
        <p role="status" data-testid="recover-count">
          {n === undefined
            ? 'Counting…'
            : n === 0
              ? 'Nothing to recover.'
              : `${count(n)} to send, ${seconds(n / form.rate)} at ${form.rate} a second.`}
        </p>
      </div>
    </Sheet>
  )
}

function useRecoverForm(endpoint: Endpoint) {
  const { api } = useAuth()
  const [opened] = useState(serverClock.now)
  const [kind, setKind] = useState<Recovery['kind']>('retry_failed')
  const [source, setSource] = useState('')
  const [hours, setHours] = useState(24)
  const [rate, setRate] = useState(50)
  const since = new Date(opened - hours * 3_600_000).toISOString()
  const request: RecoverRequest = { kind, since, rate_per_second: rate }
  if (kind === 'replay' && source) request.source_endpoint = source
  const preview = useQuery({
    queryKey: ['recoverable', endpoint.id, kind, source, since],
    queryFn: () => webhooks.countRecoverable(api, endpoint.id, request),
    gcTime: 0,
  })
  return { kind, setKind, source, setSource, hours, setHours, rate, setRate, request, preview }
}

function RecoverFields({ form, endpoint }: { form: ReturnType<typeof useRecoverForm>; endpoint: Endpoint }) {
  const others = useAllEndpoints().filter((e) => e.id !== endpoint.id)
  return (
    <>
      <Field label="What">
        {(aria) => (
          <select
            {...aria}
            className={inputClass}
            value={form.kind}
            onChange={(e) => form.setKind(e.target.value as Recovery['kind'])}
          >
            <option value="retry_failed">Deliveries that it gave up</option>
            <option value="replay">Events that it has not had</option>
          </select>
        )}
      </Field>
      {form.kind === 'replay' && (
        <Field label="From">
          {(aria) => (
            <select
              {...aria}
              className={inputClass}
              value={form.source}
              onChange={(e) => form.setSource(e.target.value)}
            >
              <option value="">All events that match its types and filter</option>
              {others.map((e) => (
                <option key={e.id} value={e.id}>
                  {endpointName(e)}
                </option>
              ))}
            </select>
          )}
        </Field>
      )}
      <div className={styles.pair}>
        <Field label="Of">
          {(aria) => (
            <select
              {...aria}
              className={inputClass}
              value={form.hours}
              onChange={(e) => form.setHours(Number(e.target.value))}
            >
              {spans.map((s) => (
                <option key={s.hours} value={s.hours}>
                  {s.word}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label="Rate">
          {(aria) => (
            <select
              {...aria}
              className={inputClass}
              value={form.rate}
              onChange={(e) => form.setRate(Number(e.target.value))}
            >
              {rates.map((r) => (
                <option key={r} value={r}>
                  {r} a second
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
    </>
  )
}
