import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { QueryClient } from '@tanstack/react-query'
import type { Filters } from '../../lib/query/filters'
import type { Operation, OperationPage, OperationSelection } from '../../lib/query/operations'
import type { ApiClient } from '../api/client'
import { ApiProblem, asProblem } from '../api/problem'
import { useAuth } from '../auth/context'
import { keys } from '../queries'

const LOOK_MS = 1000
/** The server's bound for a selection by ids. */
const IDS_AT_ONCE = 1000

const body = (selection: OperationSelection, dry_run?: true) => ({
  body: { kind: 'acknowledge', selection, ...(dry_run ? { dry_run } : {}) },
})

const operations = {
  count: (api: ApiClient, selection: OperationSelection, signal: AbortSignal) =>
    api.json<{ count: number }>('POST', '/api/operations', { ...body(selection, true), signal }),
  begin: (api: ApiClient, selection: OperationSelection) =>
    api.json<Operation>('POST', '/api/operations', body(selection)),
  get: (api: ApiClient, id: string) =>
    api.json<Operation>('GET', `/api/operations/${encodeURIComponent(id)}`),
  list: (api: ApiClient, signal: AbortSignal) =>
    api.json<OperationPage>('GET', '/api/operations?limit=20', { signal }),
  stop: (api: ApiClient, id: string) =>
    api.json<Operation>('POST', `/api/operations/${encodeURIComponent(id)}/stop`),
}

/** What a list's filters select; no filter selects every event. */
export function selectionOf(filters: Filters): OperationSelection {
  const { type, ...rest } = filters
  const types = type
    .split(',')
    .map((t) => t.trim())
    .filter(Boolean)
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== ''))
  const selection: OperationSelection = types.length > 0 ? { ...given, types } : given
  return Object.keys(selection).length > 0 ? selection : { types: ['*'] }
}

/** Events by id, in selections that the server takes. */
export function selectionsOf(ids: readonly string[]): OperationSelection[] {
  const parts = Math.ceil(ids.length / IDS_AT_ONCE)
  return Array.from({ length: parts }, (_, i) => ({ ids: ids.slice(i * IDS_AT_ONCE, (i + 1) * IDS_AT_ONCE) }))
}

/** How many events would be acknowledged; null asks for nothing. */
export function useOperable(selection: OperationSelection | null) {
  const { api } = useAuth()
  return useQuery({
    queryKey: keys.operable(selection),
    enabled: selection !== null,
    gcTime: 0,
    staleTime: 0,
    queryFn: ({ signal }) => operations.count(api, selection ?? {}, signal),
  })
}

/** The operations that run, in whatever tab they were begun, followed until they have ended. */
export function useRunningOperations(): readonly Operation[] {
  const { api } = useAuth()
  const { data } = useQuery({
    queryKey: keys.operations,
    queryFn: ({ signal }) => operations.list(api, signal),
    refetchOnMount: 'always',
    refetchInterval: ({ state }) => (state.data?.operations.some(isRunning) ? LOOK_MS : false),
  })
  return data?.operations.filter(isRunning) ?? []
}

const isRunning = (o: Operation) => o.status === 'running'

/** Ends an operation where it is. */
export function useStopOperation() {
  const { api } = useAuth()
  const qc = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => operations.stop(api, id),
    onSettled: () => qc.invalidateQueries({ queryKey: keys.operations }),
  })
}

/** What some operations have done, one after another. */
export interface Done extends Pick<Operation, 'done' | 'skipped'> {
  isStopped: boolean
  /** Why those after the ones that are counted were not begun. */
  problem?: string
}

/** Acknowledges some selections, one after another; stopped is the one that runs, and those after it. */
export async function acknowledgeAll(
  api: ApiClient,
  qc: QueryClient,
  selections: readonly OperationSelection[],
  wait = () => new Promise<void>((resolve) => setTimeout(resolve, LOOK_MS / 2)),
): Promise<Done> {
  const sum: Done = { done: 0, skipped: 0, isStopped: false }
  for (const selection of selections) {
    const begun = await operations.begin(api, selection).catch((error: unknown) => asProblem(error))
    if (begun instanceof ApiProblem) return { ...sum, problem: begun.message }
    void qc.invalidateQueries({ queryKey: keys.operations })
    const operation = await untilEnded(api, begun, wait)
    sum.done += operation.done
    sum.skipped += operation.skipped
    sum.isStopped = operation.status === 'stopped'
    if (sum.isStopped) break
  }
  return sum
}

// The server goes on with it over its restarts, so that one that is away for a while ends nothing.
async function untilEnded(api: ApiClient, begun: Operation, wait: () => Promise<void>): Promise<Operation> {
  let operation = begun
  while (isRunning(operation)) {
    await wait()
    operation = await operations.get(api, operation.id).catch((error: unknown) => {
      const { status } = asProblem(error)
      if (status > 0 && status < 500 && status !== 429) throw error
      return operation
    })
  }
  return operation
}
