import type { GetToken } from '../options'
import { problemOf } from './problem'
import type { Accepted, ApiEvent, EventPage, NewEvent, Summary } from './types'

/** What the hooks ask of the REST API; each method throws what your error boundary or toast is to get. */
export interface LiveApi {
  listEvents(query: URLSearchParams, signal?: AbortSignal): Promise<EventPage>
  getEvent(id: string, signal?: AbortSignal): Promise<ApiEvent>
  createEvent(event: NewEvent, idempotencyKey: string): Promise<Accepted>
  summary(signal?: AbortSignal): Promise<Summary>
}

/** Where the REST API is, and who asks. */
export interface RestOptions {
  /** Origin of the server; '' is the page's own. */
  server?: string | undefined
  token?: string | null | undefined
  /** Asked before each request, in place of `token`. */
  getToken?: GetToken | undefined
}

/** The REST API of an API/er server, by fetch. Throws an ApiProblem for an answer that is no success. */
export function restApi({ server = '', token, getToken }: RestOptions): LiveApi {
  const ask = async <T>(
    path: string,
    init: RequestInit & { headers?: Record<string, string> },
  ): Promise<T> => {
    const credential = getToken ? await getToken({ reason: 'connect' }) : token
    const headers: Record<string, string> = { ...init.headers }
    if (typeof credential === 'string' && credential) headers.Authorization = `Bearer ${credential}`
    const answer = await fetch(`${server}/api${path}`, { ...init, headers })
    const body: unknown = await answer.json().catch(() => null)
    if (!answer.ok) throw problemOf(answer.status, body, answer.headers.get('Retry-After'))
    return body as T
  }
  const get = <T>(path: string, signal?: AbortSignal) => ask<T>(path, signal ? { signal } : {})
  return {
    listEvents: (query, signal) => get(`/events?${query.toString()}`, signal),
    getEvent: (id, signal) => get(`/events/${encodeURIComponent(id)}`, signal),
    summary: (signal) => get('/metrics/summary', signal),
    createEvent: (event, key) =>
      ask('/events', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key },
        body: JSON.stringify(event),
      }),
  }
}
