import { useMutation } from '@tanstack/react-query'
import { asProblem } from '../api/problem'
import type { Accepted, NewEvent } from '../api/types'
import { useAuth } from '../auth/context'
import type { Outgoing } from '../../lib/query/outgoing'
import { useLive } from '../live/context'

/** One submission: sent again with the same key it is still one event. */
export interface Submission {
  key: string
  event: NewEvent
}

/** Sends an event; its row is in the lists at once, and is replaced by the event, or taken back. */
export function useSendEvent() {
  const { api } = useAuth()
  const { sync } = useLive()
  return useMutation<Accepted, Error, Submission, Outgoing>({
    mutationFn: ({ key, event }) => api.createEvent(event, key),
    onMutate: ({ key, event }) => {
      const out = { key, event, started_at: new Date().toISOString() }
      sync.setOutgoing((all) => [...all.filter((o) => o.key !== key), out])
      return out
    },
    onSuccess: (accepted, _submission, out) => {
      const { id, status, timestamp, seq } = accepted
      sync.accepted(out, { id, status, created_at: timestamp, seq })
    },
    onError: (_error, { key }) => sync.setOutgoing((all) => all.filter((o) => o.key !== key)),
  })
}

/**
 * Whether the same key may be sent again. After a refusal the event has to change, and with it the key; after
 * a lost answer the key makes sure that the event is stored once.
 */
export function keepsKey(error: unknown): boolean {
  const { status } = asProblem(error)
  return status === 0 || status === 429 || status >= 500
}
