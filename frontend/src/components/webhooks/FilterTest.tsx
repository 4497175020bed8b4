import { useMutation } from '@tanstack/react-query'
import { useAuth } from '../../app/auth/context'
import { webhooks } from '../../app/webhooks/api'
import { faultsOfDraft, inputOfDraft } from '../../app/webhooks/draft'
import type { EndpointDraft } from '../../app/webhooks/draft'
import { Problem } from '../Problem'
import { Button } from '../ui/Button'
import styles from './Form.module.css'

const SHOWN = 5

/** Tells which of the latest events a draft would take. */
export function FilterTest({ draft }: { draft: EndpointDraft }) {
  const { api } = useAuth()
  const test = useMutation({
    mutationFn: () => {
      const { types, filter, filter_text } = inputOfDraft(draft)
      return webhooks.tryFilter(api, { types, filter, ...(filter_text ? { filter_text } : {}) })
    },
  })
  return (
    <div>
      <Button
        disabled={faultsOfDraft(draft).filter !== undefined || test.isPending}
        onClick={() => test.mutate()}
      >
        Which events would match?
      </Button>
      {test.error && <Problem error={test.error} />}
      <div role="status">
        {test.data && (
          <div className={styles.found}>
            <p>
              {test.data.matched.length} of the latest {test.data.tested}
            </p>
            <ul className={styles.muted}>
              {test.data.matched.slice(0, SHOWN).map((e) => (
                <li key={e.id}>
                  {e.type} · {e.id}
                </li>
              ))}
            </ul>
          </div>
        )}
      </div>
    </div>
  )
}
