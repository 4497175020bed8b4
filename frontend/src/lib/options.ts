import type { Handlers } from './handlers'
import type { OutboxLimits } from './outbox'

/** Why a token is asked for: `unauthorized` means the server refused the last one. */
export type TokenReason = 'connect' | 'reconnect' | 'unauthorized' | 'expiring'

/** A JWT or API key, or a one-time ticket in place of it. */
export type Credential = string | { ticket: string } | null | undefined

/** Gives the credential for the next attempt, from wherever the application keeps or renews it. */
export type GetToken = (request: { reason: TokenReason }) => Credential | Promise<Credential>

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
  /**
   * 'auto' asks for v1 and works with any server; 'plain' speaks the integration guide and nothing else;
   * 'v1' is for a server known to speak it: the token then never stands in an address.
   */
  dialect?: Dialect | undefined
  /**
   * Where the token stands: 'url' is the integration guide's `?token=`, which browsers print when an attempt
   * fails; 'protocol' offers the subprotocol `bearer.<token>`. Default: 'protocol' as soon as the server is known to speak v1.
   */
  tokenIn?: 'url' | 'protocol' | undefined
  reconnect?: boolean | undefined
  maxReconnectAttempts?: number | undefined
  initialReconnectDelay?: number | undefined
  maxReconnectDelay?: number | undefined
  /** 'full' spreads a crowd of clients best; 'guide' keeps the formula of the integration guide. */
  jitter?: 'guide' | 'full' | undefined
  heartbeatInterval?: number | undefined
  heartbeatTimeout?: number | undefined
  connectTimeout?: number | undefined
  /** What may wait for a connection. Default: 32 messages, 64 KiB, 60 s. */
  outbox?: Partial<OutboxLimits> | undefined
  /** Go on with the session after a reload of the page. Default true. */
  persist?: boolean | undefined
}

/** Which protocol is spoken. */
export type Dialect = 'auto' | 'plain' | 'v1'

const DEFAULTS = {
  dialect: 'auto' as Dialect,
  reconnect: true,
  maxReconnectAttempts: 10,
  initialReconnectDelay: 1000,
  maxReconnectDelay: 30_000,
  jitter: 'guide' as 'guide' | 'full',
  heartbeatInterval: 30_000,
  heartbeatTimeout: 5000,
  connectTimeout: 10_000,
  persist: true,
}

const OUTBOX: OutboxLimits = { maxMessages: 32, maxBytes: 65_536, maxAge: 60_000 }

/** Options with every default in place. */
export type Settings = Omit<SocketOptions, keyof typeof DEFAULTS | 'outbox'> &
  typeof DEFAULTS & { outbox: OutboxLimits }

/** Fills in the defaults; undefined counts as absent. */
export function withDefaults(options: SocketOptions): Settings {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  return { ...DEFAULTS, ...given, outbox: { ...OUTBOX, ...options.outbox } }
}
