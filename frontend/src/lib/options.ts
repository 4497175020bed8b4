import type { Handlers } from './handlers'

/** Why a token is asked for: `unauthorized` means the server refused the last one. */
export type TokenReason = 'connect' | 'reconnect' | 'unauthorized' | 'expiring'

/** Gives the token for the next attempt, from wherever the application keeps or renews it. */
export type GetToken = (request: {
  reason: TokenReason
}) => string | null | undefined | Promise<string | null | undefined>

/** What can be set on a connection; times in milliseconds. */
export interface SocketOptions extends Handlers {
  /** ws:, wss:, or anything that resolves to it, as `/ws`. Empty or absent: no connection, no error. */
  url?: string | undefined
  /** JWT for authentication. A new one is used from the next attempt on. */
  token?: string | null | undefined
  /** Asked before each attempt, in place of `token`, and ahead of the token's expiry. */
  getToken?: GetToken | undefined
  /** Initial subscriptions; absent: the server's choice, `events` and `metrics`. */
  channels?: readonly string[] | undefined
  /** 'auto' asks for v1 and works with any server; 'plain' speaks the integration guide and nothing else. */
  dialect?: 'auto' | 'plain' | undefined
  reconnect?: boolean | undefined
  maxReconnectAttempts?: number | undefined
  initialReconnectDelay?: number | undefined
  maxReconnectDelay?: number | undefined
  /** 'full' spreads a crowd of clients best; 'guide' keeps the formula of the integration guide. */
  jitter?: 'guide' | 'full' | undefined
  heartbeatInterval?: number | undefined
  heartbeatTimeout?: number | undefined
  connectTimeout?: number | undefined
}

const DEFAULTS = {
  dialect: 'auto' as 'auto' | 'plain',
  reconnect: true,
  maxReconnectAttempts: 10,
  initialReconnectDelay: 1000,
  maxReconnectDelay: 30_000,
  jitter: 'guide' as 'guide' | 'full',
  heartbeatInterval: 30_000,
  heartbeatTimeout: 5000,
  connectTimeout: 10_000,
}

/** Options with every default in place. */
export type Settings = Omit<SocketOptions, keyof typeof DEFAULTS> & typeof DEFAULTS

/** Fills in the defaults; undefined counts as absent. */
export function withDefaults(options: SocketOptions): Settings {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  return { ...DEFAULTS, ...given }
}
