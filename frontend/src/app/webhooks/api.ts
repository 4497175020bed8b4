import type { ApiClient } from '../api/client'
import { pathOf } from '../api/ids'
import type { ApiEvent } from '../api/types'
import type {
  Attempt,
  Delivery,
  Endpoint,
  EndpointInput,
  HealthPage,
  ReceiverLog,
  Recovery,
  VerifyStep,
} from './types'

export interface DeliveryPage {
  deliveries: Delivery[]
  has_more: boolean
  seq: number
}

export interface RecoverRequest {
  kind: Recovery['kind']
  since: string
  until?: string
  source_endpoint?: string
  rate_per_second?: number
}

const path = encodeURIComponent
const of = (id: string) => `/api/endpoints/${path(id)}`

/** The routes of webhooks. Every function throws as ApiClient's methods do. */
export const webhooks = {
  endpoints: (api: ApiClient, query: URLSearchParams, signal?: AbortSignal) =>
    api.json<HealthPage>('GET', `/api/endpoints/health?${query.toString()}`, { signal }),
  /** Those of the ids that there are; at most 100 are asked for. */
  named: (api: ApiClient, ids: readonly string[], signal?: AbortSignal) =>
    api.json<{ endpoints: Endpoint[] }>('GET', `/api/endpoints?ids=${ids.map(path).join(',')}`, { signal }),
  endpoint: async (api: ApiClient, id: string, signal?: AbortSignal) =>
    api.json<Endpoint>('GET', pathOf('endpoints', id), { signal }),
  create: (api: ApiClient, input: EndpointInput) =>
    api.json<Endpoint & { secret: string }>('POST', '/api/endpoints', { body: input }),
  update: (api: ApiClient, id: string, patch: Partial<EndpointInput> & { paused?: boolean }) =>
    api.json<Endpoint>('PATCH', of(id), { body: patch }),
  remove: (api: ApiClient, id: string) => api.json<undefined>('DELETE', of(id)),
  rotateSecret: (api: ApiClient, id: string, grace_seconds: number) =>
    api.json<{ secret: string }>('POST', `${of(id)}/rotate-secret`, { body: { grace_seconds } }),
  test: (
    api: ApiClient,
    id: string,
    sample: { type: string; payload: Record<string, unknown>; payload_text?: string },
  ) => api.json<Attempt>('POST', `${of(id)}/test`, { body: sample }),
  tryFilter: (api: ApiClient, rule: Pick<EndpointInput, 'types' | 'filter' | 'filter_text'>) =>
    api.json<{ tested: number; matched: ApiEvent[] }>('POST', '/api/endpoints/filter-test', {
      body: rule,
    }),

  deliveries: (api: ApiClient, endpoint: string, query: URLSearchParams, signal?: AbortSignal) =>
    api.json<DeliveryPage>('GET', `${of(endpoint)}/deliveries?${query.toString()}`, { signal }),
  ofEvent: (api: ApiClient, event: string, query: URLSearchParams, signal?: AbortSignal) =>
    api.json<DeliveryPage>('GET', `/api/events/${path(event)}/deliveries?${query.toString()}`, { signal }),
  attempts: (api: ApiClient, delivery: string, signal?: AbortSignal) =>
    api.json<{ attempts: Attempt[] }>('GET', `/api/deliveries/${path(delivery)}/attempts`, { signal }),
  retry: (api: ApiClient, delivery: string) =>
    api.json<Delivery>('POST', `/api/deliveries/${path(delivery)}/retry`),

  countRecoverable: (api: ApiClient, endpoint: string, request: RecoverRequest) =>
    api.json<{ count: number }>('POST', `${of(endpoint)}/recover`, { body: { ...request, dry_run: true } }),
  recover: (api: ApiClient, endpoint: string, request: RecoverRequest) =>
    api.json<Recovery>('POST', `${of(endpoint)}/recover`, { body: request }),
  recoveries: (api: ApiClient, endpoint: string, signal?: AbortSignal) =>
    api.json<{ recoveries: Recovery[] }>('GET', `${of(endpoint)}/recoveries`, { signal }),
  stop: (api: ApiClient, recovery: string) =>
    api.json<Recovery>('POST', `/api/recoveries/${path(recovery)}/stop`),

  logs: (api: ApiClient, query: URLSearchParams, signal?: AbortSignal) =>
    api.json<{ logs: ReceiverLog[]; has_more: boolean }>('GET', `/api/webhooks/logs?${query.toString()}`, {
      signal,
    }),
  verify: (
    api: ApiClient,
    request: { secret?: string; endpoint_id?: string; headers: Record<string, string>; body: string },
  ) => api.json<{ valid: boolean; steps: VerifyStep[] }>('POST', '/api/webhooks/verify', { body: request }),
}
