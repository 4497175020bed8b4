'use client'

import { useMutation } from '@tanstack/react-query'
import { useLive } from './context'
import type { Outgoing } from './outgoing'
import type { Accepted, NewEvent } from './types'

/** One submission: sent again with the same key it is still one event. */
export interface Submission {
  /** The Idempotency-Key; `newKey()` makes one. */
  key: string
  event: NewEvent
}

/**
 * Sends an event. Its row is in the lists at once, marked `sending`; it is replaced by the event when the
 * server has it, and taken back when the server refuses. An answer and a frame are one row, whichever is first.
 */
export function useCreateEvent() {
  const { api, sync } = useLive()
  return useMutation<Accepted, Error, Submission, Outgoing>({
    networkMode: 'always',
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
