import { useMemo } from 'react'
import { asProblem, remedy } from '../api/problem'
import { useAuth } from '../auth/context'
import { useLive } from '../live/context'

/** How an action on several events went. */
export interface Outcome {
  done: number
  /** The first failure, in words; null: none. */
  problem: string | null
}

async function each(ids: readonly string[], run: (id: string) => Promise<void>): Promise<Outcome> {
  let done = 0
  for (const id of ids) {
    try {
      await run(id)
      done++
    } catch (error) {
      const problem = asProblem(error)
      // Already gone is what a deletion wants; anything else would most likely fail for the others too.
      if (problem.status !== 404) return { done, problem: `${problem.message}. ${remedy(problem)}` }
    }
  }
  return { done, problem: null }
}

/** What can be done to events; the lists show it as soon as the server has it. */
export function useEventActions() {
  const { api } = useAuth()
  const { sync } = useLive()
  return useMemo(
    () => ({
      acknowledge: (ids: readonly string[]) => each(ids, async (id) => sync.store(await api.acknowledge(id))),
      erase: (ids: readonly string[]) =>
        each(ids, async (id) => {
          await api.deleteEvent(id)
          sync.erased(id)
        }),
    }),
    [api, sync],
  )
}
