import { useMutation } from '@tanstack/react-query'
import { Send } from 'lucide-react'
import { useState } from 'react'
import { useAuth } from '../../app/auth/context'
import { jsonFault } from '../../app/send/json'
import { webhooks } from '../../app/webhooks/api'
import type { Endpoint } from '../../app/webhooks/types'
import { Problem } from '../Problem'
import { Button } from '../ui/Button'
import { Field, areaClass, inputClass } from '../ui/Field'
import { Sheet } from '../ui/Sheet'
import { AttemptView } from './Attempts'
import styles from './Form.module.css'

/** Sends a sample to an endpoint, at once and once, and shows what came of it. Nothing is stored. */
export function TestDialog({ endpoint, onClose }: { endpoint: Endpoint; onClose: () => void }) {
  const { api } = useAuth()
  const [type, setType] = useState(endpoint.types.find((t) => !t.includes('*')) ?? 'test.sent')
  const [payload, setPayload] = useState('{\n  "test": true\n}')
  const fault = jsonFault(payload)
  const send = useMutation({
    mutationFn: () =>
      webhooks.test(api, endpoint.id, {
        type,
        payload: JSON.parse(payload) as Record<string, unknown>,
        payload_text: payload.trim(),
      }),
  })
  return (
    <Sheet
      open
      onClose={onClose}
      title="Send a test"
      description="Send a sample to this endpoint and see its answer"
      footer={
        <>
          <Button onClick={onClose}>Close</Button>
          <Button tone="primary" disabled={fault !== null || send.isPending} onClick={() => send.mutate()}>
            <Send size={14} aria-hidden /> {send.isPending ? 'Waiting…' : 'Send'}
          </Button>
        </>
      }
    >
      <div className={styles.form}>
        <p className={styles.muted}>{endpoint.url}</p>
        <Field label="Type">
          {(aria) => (
            <input {...aria} className={inputClass} value={type} onChange={(e) => setType(e.target.value)} />
          )}
        </Field>
        <Field
          label="Payload"
          hint="A JSON object."
          fault={fault ? `${fault.line}:${fault.column} ${fault.reason}` : ''}
        >
          {(aria) => (
            <textarea
              {...aria}
              className={areaClass}
              rows={6}
              spellCheck={false}
              value={payload}
              onChange={(e) => setPayload(e.target.value)}
            />
          )}
        </Field>
        {send.error && <Problem error={send.error} />}
        <div role="status">{send.data && <AttemptView attempt={send.data} />}</div>
      </div>
    </Sheet>
  )
}
