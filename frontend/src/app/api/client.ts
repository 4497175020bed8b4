import { bodyOf, failure, objectOf } from '../../lib/query/rest'
import { isRecord } from '../../lib/guards'
import { eventBody, writeKeepingTexts } from '../../lib/texts'
import { serverClock } from '../clock'
import { contact } from '../live/freshness'
import { pathOf } from './ids'
import type {
  Accepted,
  ApiEvent,
  ErrorFigures,
  EventPage,
  Identity,
  Latency,
  NewEvent,
  Range,
  ServerConfig,
  Summary,
  Throughput,
  TokenAnswer,
} from './types'

/** What a client needs to know of the session. */
export interface Credentials {
  /** The token to send; renewed first when it is about to expire. null: signed out. */
  token(): Promise<string | null>
  /** The server refused the token. */
  refused(token: string): void
}

// Each answer tells the server's time, and that it is there.
async function fetchFrom(path: string, init: RequestInit): Promise<Response> {
  const start = serverClock.start()
  const answer = await fetch(path, init).catch((error: unknown) => {
    if (!init.signal?.aborted) contact.failed()
    throw error
  })
  serverClock.note(answer.headers.get('Date'), start)
  if (answer.status < 500) contact.answered()
  else contact.failed()
  return answer
}

/** Exchanges an API key for a token. */
export async function exchangeKey(key: string): Promise<TokenAnswer> {
  const answer = await fetchFrom('/api/token', {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ username: 'api', password: key }).toString(),
  })
  return bodyOf<TokenAnswer>(answer, 'access_token')
}

/** Renews a token that is still good. */
export async function refreshToken(token: string): Promise<TokenAnswer> {
  const answer = await fetch('/api/token/refresh', {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}` },
  })
  return bodyOf<TokenAnswer>(answer, 'access_token')
}

/** The REST API, as this dashboard uses it. Every method throws an ApiProblem, or the error of fetch. */
export class ApiClient {
  constructor(private readonly credentials: Credentials) {}

  /** Sends a request with the token. */
  async request(path: string, init: RequestInit = {}): Promise<Response> {
    const token = await this.credentials.token()
    const headers = new Headers(init.headers)
    if (token) headers.set('Authorization', `Bearer ${token}`)
    const answer = await fetchFrom(path, { ...init, headers })
    if (answer.status === 401 && token) this.credentials.refused(token)
    if (!answer.ok) throw await failure(answer)
    return answer
  }

  /** Sends a request, with a JSON body where there is one, and reads the JSON of the answer; 204: undefined. */
  async json<T>(
    method: string,
    path: string,
    { body, signal }: { body?: unknown; signal?: AbortSignal | undefined } = {},
  ): Promise<T> {
    const init: RequestInit = { method }
    if (signal) init.signal = signal
    if (body !== undefined) {
      init.body = isRecord(body) ? writeKeepingTexts(body) : JSON.stringify(body)
      init.headers = { 'Content-Type': 'application/json' }
    }
    const answer = await this.request(path, init)
    return (answer.status === 204 ? undefined : await objectOf(answer)) as T
  }

  private get<T extends object>(path: string, field: keyof T & string, signal?: AbortSignal): Promise<T> {
    return this.ask(path, field, signal ? { signal } : {})
  }

  private async ask<T extends object>(path: string, field: keyof T & string, init: RequestInit): Promise<T> {
    return bodyOf<T>(await this.request(path, init), field)
  }

  listEvents(query: URLSearchParams, signal?: AbortSignal): Promise<EventPage> {
    return this.get(`/api/events?${query.toString()}`, 'events', signal)
  }

  async getEvent(id: string, signal?: AbortSignal): Promise<ApiEvent> {
    return this.get(pathOf('events', id), 'id', signal)
  }

  createEvent(event: NewEvent, idempotencyKey: string): Promise<Accepted> {
    return this.ask('/api/events', 'id', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': idempotencyKey },
      body: eventBody(event),
    })
  }

  async deleteEvent(id: string): Promise<void> {
    await this.request(`/api/events/${encodeURIComponent(id)}`, { method: 'DELETE' })
  }

  acknowledge(id: string): Promise<ApiEvent> {
    return this.ask(`/api/inbox/${encodeURIComponent(id)}/ack`, 'id', { method: 'POST' })
  }

  summary(signal?: AbortSignal): Promise<Summary> {
    return this.get('/api/metrics/summary', 'total', signal)
  }

  latency(range: Range, signal?: AbortSignal): Promise<Latency> {
    return this.get(`/api/metrics/latency?range=${range}`, 'series', signal)
  }

  throughput(range: Range, signal?: AbortSignal): Promise<Throughput> {
    return this.get(`/api/metrics/throughput?range=${range}`, 'series', signal)
  }

  errors(signal?: AbortSignal): Promise<ErrorFigures> {
    return this.get('/api/metrics/errors', 'top_errors', signal)
  }

  identity(signal?: AbortSignal): Promise<Identity> {
    return this.get('/api/identity', 'tenant', signal)
  }

  config(signal?: AbortSignal): Promise<ServerConfig> {
    return this.get('/api/config', 'version', signal)
  }
}
