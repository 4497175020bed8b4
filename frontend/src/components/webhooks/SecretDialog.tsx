import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { useAuth } from '../../app/auth/context'
import { webhooks } from '../../app/webhooks/api'
import type { Endpoint } from '../../app/webhooks/types'
import { Problem } from '../Problem'
import { Button } from '../ui/Button'
import { Field, inputClass } from '../ui/Field'
import { Sheet } from '../ui/Sheet'
import styles from './Form.module.css'
import { Secret } from './Secret'

const graces = [
  { seconds: 86_400, word: '24 hours' },
  { seconds: 3600, word: '1 hour' },
  { seconds: 604_800, word: '7 days' },
  { seconds: 0, word: 'End the old one at once' },
]

/** Makes a new signing secret; for a while both sign. */
export function SecretDialog({ endpoint, onClose }: { endpoint: Endpoint; onClose: () => void }) {
  const { api } = useAuth()
  const [grace, setGrace] = useState(graces[0]?.seconds ?? 0)
  const rotate = useMutation({ mutationFn: () => webhooks.rotateSecret(api, endpoint.id, grace) })
  return (
    <Sheet
      open
      place="middle"
      onClose={onClose}
      title="New signing secret"
      description="Make a new signing secret for this endpoint"
      footer={
        <>
          <Button onClick={onClose}>{rotate.data ? 'Done' : 'Cancel'}</Button>
          {!rotate.data && (
            <Button tone="primary" disabled={rotate.isPending} onClick={() => rotate.mutate()}>
              Make a new secret
            </Button>
          )}
        </>
      }
    >
      <div className={styles.form}>
        {rotate.error && <Problem error={rotate.error} />}
        {rotate.data ? (
          <Secret secret={rotate.data.secret} />
        ) : (
          <Field
            label="Both secrets sign for"
            hint="Change the receiver within this time and nothing is refused."
          >
            {(aria) => (
              <select
                {...aria}
                className={inputClass}
                value={grace}
                onChange={(e) => setGrace(Number(e.target.value))}
              >
                {graces.map((g) => (
                  <option key={g.seconds} value={g.seconds}>
                    {g.word}
                  </option>
                ))}
              </select>
            )}
          </Field>
        )}
      </div>
    </Sheet>
  )
}
