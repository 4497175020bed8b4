import { isRecord } from '../guards'
import type { Credential, GetToken } from '../options'
import { eventBody, parseKeepingTexts } from '../texts'
import { ApiProblem, problemOf } from './problem'
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
  /** Asked before each request, in place of `token`, and once more when the server refused what it gave. */
  getToken?: GetToken | undefined
}

type Init = RequestInit & { headers?: Record<string, string> }

// A proxy's page, a cut answer, the list in place of what was to be created: a redirect makes a GET of a POST.
const notTheServers = () =>
  new ApiProblem({
    title: 'The server cannot be reached',
    status: 0,
    code: 'unreachable',
    detail: 'What answered in its place said nothing that was asked for.',
  })

const jsonOf = (answer: Response): Promise<unknown> =>
  answer
    .text()
    .then(parseKeepingTexts)
    .catch(() => null)

/** What a refused answer tells. */
export async function failure(answer: Response): Promise<ApiProblem> {
  return problemOf(answer.status, await jsonOf(answer), answer.headers.get('Retry-After'))
}

/** The body of a success, which has this field; throws an ApiProblem for any other answer. */
export async function bodyOf<T extends object>(answer: Response, field: keyof T & string): Promise<T> {
  const body = await objectOf(answer)
  if (!(field in body)) throw notTheServers()
  return body as T
}

/** The object that a success brings; throws an ApiProblem for any other answer. */
export async function objectOf(answer: Response): Promise<Record<string, unknown>> {
  if (!answer.ok) throw await failure(answer)
  const body = await jsonOf(answer)
  if (!isRecord(body)) throw notTheServers()
  return body
}

/** Asks a server, with the credential; `field` is what a success has. */
export function asker({ server = '', token, getToken }: RestOptions) {
  const send = (path: string, init: Init, credential: Credential) => {
    const headers: Record<string, string> = { ...init.headers }
    if (typeof credential === 'string' && credential) headers.Authorization = `Bearer ${credential}`
    return fetch(`${server}/api${path}`, { ...init, headers })
  }
  return async <T extends object>(path: string, field: keyof T & string, init: Init): Promise<T> => {
    const given = getToken ? await getToken({ reason: 'connect' }) : token
    let answer = await send(path, init, given)
    if (answer.status === 401 && getToken) {
      const next = await getToken({ reason: 'unauthorized' })
      if (typeof next === 'string' && next !== given) answer = await send(path, init, next)
    }
    return bodyOf<T>(answer, field)
  }
}

/** The REST API of an API/er server, by fetch. Throws an ApiProblem for an answer that is no success. */
export function restApi(options: RestOptions): LiveApi {
  const ask = asker(options)
  const get = <T extends object>(path: string, field: keyof T & string, signal?: AbortSignal) =>
    ask<T>(path, field, signal ? { signal } : {})
  return {
    listEvents: (query, signal) => get(`/events?${query.toString()}`, 'events', signal),
    getEvent: (id, signal) => get(`/events/${encodeURIComponent(id)}`, 'id', signal),
    summary: (signal) => get('/metrics/summary', 'total', signal),
    createEvent: (event, key) =>
      ask('/events', 'id', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key },
        body: eventBody(event),
      }),
  }
}
