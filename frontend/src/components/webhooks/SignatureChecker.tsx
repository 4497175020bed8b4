import { useMutation } from '@tanstack/react-query'
import { CircleCheck, CircleX } from 'lucide-react'
import { useState } from 'react'
import type { SyntheticEvent } from 'react'
import { useAuth } from '../../app/auth/context'
import { webhooks } from '../../app/webhooks/api'
import { endpointName } from '../../app/names'
import { useAllEndpoints } from '../../app/webhooks/data'
import { Problem } from '../Problem'
import { Button } from '../ui/Button'
import { Field, areaClass, inputClass } from '../ui/Field'
import form from './Form.module.css'
import styles from './ReceiverLog.module.css'

const headerNames = ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const
type Header = (typeof headerNames)[number]
const NO_HEADERS: Record<Header, string> = {
  'webhook-id': '',
  'webhook-timestamp': '',
  'webhook-signature': '',
}

/** Finds out why a signature does not fit: which step fails, and what to do. */
export function SignatureChecker() {
  const { api } = useAuth()
  const endpoints = useAllEndpoints()
  const [endpoint, setEndpoint] = useState('')
  const [secret, setSecret] = useState('')
  const [headers, setHeaders] = useState(NO_HEADERS)
  const [body, setBody] = useState('')
  const check = useMutation({
    mutationFn: () =>
      webhooks.verify(api, { ...(endpoint ? { endpoint_id: endpoint } : { secret }), headers, body }),
  })
  const submit = (e: SyntheticEvent) => {
    e.preventDefault()
    check.mutate()
  }
  return (
    <form className={`${form.form} ${styles.checker}`} onSubmit={submit}>
      <p>Paste what the receiver got. The secret is used for this check alone and is not kept.</p>
      <div className={form.pair}>
        <Field label="Secret of">
          {(aria) => (
            <select
              {...aria}
              className={inputClass}
              value={endpoint}
              onChange={(e) => setEndpoint(e.target.value)}
            >
              <option value="">a secret that I paste</option>
              {endpoints.map((e) => (
                <option key={e.id} value={e.id}>
                  {endpointName(e)}
                </option>
              ))}
            </select>
          )}
        </Field>
        {!endpoint && (
          <Field label="Secret" hint="whsec_…">
            {(aria) => (
              <input
                {...aria}
                type="password"
                autoComplete="off"
                className={inputClass}
                value={secret}
                onChange={(e) => setSecret(e.target.value)}
              />
            )}
          </Field>
        )}
      </div>
      {headerNames.map((name) => (
        <Field key={name} label={name}>
          {(aria) => (
            <input
              {...aria}
              className={inputClass}
              spellCheck={false}
              autoComplete="off"
              value={headers[name]}
              onChange={(e) => setHeaders({ ...headers, [name]: e.target.value })}
            />
          )}
        </Field>
      ))}
      <Field label="Body" hint="The bytes as they came: not formatted, not parsed and written again.">
        {(aria) => (
          <textarea
            {...aria}
            className={`${areaClass} ${form.small}`}
            rows={4}
            spellCheck={false}
            value={body}
            onChange={(e) => setBody(e.target.value)}
          />
        )}
      </Field>
      <div>
        <Button tone="primary" type="submit" disabled={check.isPending}>
          Check
        </Button>
      </div>
      {check.error && <Problem error={check.error} />}
      <div role="status">
        {check.data && (
          <ol className={form.steps} data-testid="verify-steps" data-valid={check.data.valid}>
            {check.data.steps.map((s) => (
              <li key={s.step} data-ok={s.ok}>
                {s.ok ? (
                  <CircleCheck size={16} role="img" aria-label="holds" />
                ) : (
                  <CircleX size={16} role="img" aria-label="fails" />
                )}
                <div>
                  <strong>{s.step}</strong> {s.detail}
                  {s.advice && <p className={form.muted}>{s.advice}</p>}
                </div>
              </li>
            ))}
          </ol>
        )}
      </div>
    </form>
  )
}
