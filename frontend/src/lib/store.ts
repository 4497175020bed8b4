import type { WebSocketState } from './messages'

/** Why the connection is not, or was not, as wanted. Never holds a token or a URL. */
export interface ConnectionError {
  kind: 'transport' | 'timeout' | 'heartbeat' | 'auth' | 'refused' | 'exhausted' | 'config' | 'subscription'
  /** For people. */
  message: string
  /** The WebSocket close code, where one was given. */
  code?: number
}

/** All there is to know about a connection; frozen, and the same object until something changes. */
export interface ConnectionSnapshot {
  readonly state: WebSocketState
  /** Attempts of this series so far or under way; 0 outside a series. */
  readonly reconnectAttempt: number
  /** The wait chosen for the attempt ahead, milliseconds. */
  readonly reconnectDelay: number
  /** When the next attempt is due, milliseconds since the epoch; null: none is waiting. */
  readonly nextRetryAt: number | null
  readonly lastError: ConnectionError | null
  /** Whether the last connect went on where the one before had stopped; null: the server does not say. */
  readonly resumed: boolean | null
}

/** Holds a snapshot and tells listeners when it changed; fits useSyncExternalStore. */
export class Store<T extends object> {
  private snapshot: T
  private readonly listeners = new Set<() => void>()

  constructor(initial: T) {
    this.snapshot = Object.freeze(initial)
  }

  /** Calls listener after each change, until the returned function is called. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => {
      this.listeners.delete(listener)
    }
  }

  /** The present state. */
  readonly getSnapshot = (): T => this.snapshot

  /** Takes over what differs; tells nobody when nothing does. */
  update(patch: Partial<T>): void {
    const keys = Object.keys(patch) as (keyof T)[]
    if (keys.every((key) => Object.is(this.snapshot[key], patch[key]))) return
    this.snapshot = Object.freeze({ ...this.snapshot, ...patch })
    for (const listener of [...this.listeners]) listener()
  }
}
