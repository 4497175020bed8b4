import type { EventStatus } from '../messages'
import { asker } from './rest'
import type { RestOptions } from './rest'

/** Which events: those of `ids`, at most 1000, or those that match the rest. For every event say `types: ['*']`. */
export interface OperationSelection {
  ids?: readonly string[]
  status?: EventStatus
  /** Globs. */
  types?: readonly string[]
  source?: string
  search?: string
  /** RFC 3339. */
  created_after?: string
  created_before?: string
}

/** One thing done to all events of a selection, by the server, in slices and over restarts. */
export interface Operation {
  id: string
  kind: 'acknowledge'
  status: 'running' | 'done' | 'stopped'
  /** Events when it began. */
  total: number
  /** Of those. */
  done: number
  /** Of those: gone, done by another, or leased to another. */
  skipped: number
  created_at: string
  updated_at: string
}

/** A page of operations, newest first. */
export interface OperationPage {
  operations: Operation[]
  has_more: boolean
}

/** What is done to many events at once. Each method throws an ApiProblem for an answer that is no success. */
export interface Operations {
  /** How many events `acknowledge` would acknowledge. */
  count(selection: OperationSelection, signal?: AbortSignal): Promise<number>
  /** Begins to acknowledge all that are selected; a second one for the same selection is refused while it runs. */
  acknowledge(selection: OperationSelection): Promise<Operation>
  get(id: string, signal?: AbortSignal): Promise<Operation>
  list(query: URLSearchParams, signal?: AbortSignal): Promise<OperationPage>
  /** Ends it where it is. */
  stop(id: string): Promise<Operation>
}

/** The operations of a server, by fetch. */
export function operationsApi(options: RestOptions): Operations {
  const ask = asker(options)
  const of = (id: string) => `/operations/${encodeURIComponent(id)}`
  const begin = <T extends object>(field: keyof T & string, body: object, signal?: AbortSignal) =>
    ask<T>('/operations', field, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ kind: 'acknowledge', ...body }),
      ...(signal ? { signal } : {}),
    })
  return {
    count: async (selection, signal) =>
      (await begin<{ count: number }>('count', { selection, dry_run: true }, signal)).count,
    acknowledge: (selection) => begin<Operation>('id', { selection }),
    get: (id, signal) => ask<Operation>(of(id), 'id', signal ? { signal } : {}),
    list: (query, signal) =>
      ask<OperationPage>(`/operations?${query.toString()}`, 'operations', signal ? { signal } : {}),
    stop: (id) => ask<Operation>(`${of(id)}/stop`, 'id', { method: 'POST' }),
  }
}
