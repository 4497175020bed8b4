import { useEffect, useLayoutEffect, useMemo, useSyncExternalStore } from 'react'
import { Lease } from './lease'
import type { SocketOptions } from './options'
import type { OutgoingMessage } from './protocol'
import { WebSocketState } from './protocol'
import { SocketClient } from './socket'
import type { SendResult } from './socket'
import type { ConnectionError } from './store'

export { MessageType, WebSocketState } from './protocol'
export type { EventUpdate, MetricsUpdate, WebSocketMessage } from './protocol'

/** The configuration of useWebSocket; the defaults are the integration guide's. */
export interface UseWebSocketConfig extends SocketOptions {
  /** false: no connection. Default true. */
  enabled?: boolean | undefined
}

/** What useWebSocket returns; the functions are the same ones on each render. */
export interface UseWebSocketResult {
  state: WebSocketState
  isConnected: boolean
  /** The first attempt is under way; a later one is `reconnecting`. */
  isConnecting: boolean
  isDisconnected: boolean
  isError: boolean
  reconnectAttempt: number
  /** The wait chosen for the attempt ahead, milliseconds. */
  reconnectDelay: number
  /** When the next attempt is due, milliseconds since the epoch; null: none is waiting. */
  nextRetryAt: number | null
  lastError: ConnectionError | null
  /** Whether the last connect went on without a gap; null: the server does not say. */
  resumed: boolean | null
  /** Sends a message, or queues it until there is a connection; false: neither. */
  send: (message: OutgoingMessage) => SendResult
  connect: () => void
  disconnect: () => void
  /** Dials anew, from any state, with a fresh series of attempts. */
  reconnect: () => void
  /** Subscribes now and after each reconnect. */
  subscribe: (channel: string) => boolean
  unsubscribe: (channel: string) => boolean
}

/**
 * A live connection for as long as the component is mounted. Handlers are always those of the latest
 * render, and messages reach only them: none causes a render by itself.
 */
export function useWebSocket(config: UseWebSocketConfig = {}): UseWebSocketResult {
  const url = (config.url ?? import.meta.env.VITE_WEBSOCKET_URL) || undefined
  const enabled = (config.enabled ?? true) && url !== undefined
  const lease = useLease(config, url, enabled)
  const { client } = lease

  useLayoutEffect(() => {
    client.update(config)
  })
  useEffect(() => lease.retain(), [lease])
  useEffect(() => {
    if (enabled) client.connect()
    else client.disconnect()
  }, [client, enabled])

  const { subscribe, getSnapshot } = client.store
  const snapshot = useSyncExternalStore(subscribe, getSnapshot, getSnapshot)
  return useMemo(() => ({ ...snapshot, ...flags(snapshot.state), ...lease.actions }), [snapshot, lease])
}

// A client is made while rendering, which is harmless: it does nothing before connect().
function useLease(config: UseWebSocketConfig, url: string | undefined, enabled: boolean): Lease {
  const { channels, dialect } = config
  const key = JSON.stringify([url, dialect, channels])
  return useMemo(() => {
    const state = enabled ? WebSocketState.CONNECTING : WebSocketState.DISCONNECTED
    return new Lease(new SocketClient({ ...config, url }, undefined, state))
    // Everything else reaches the client by update(); only these make it another connection.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [key])
}

function flags(state: WebSocketState) {
  return {
    isConnected: state === WebSocketState.CONNECTED,
    isConnecting: state === WebSocketState.CONNECTING,
    isDisconnected: state === WebSocketState.DISCONNECTED,
    isError: state === WebSocketState.ERROR,
  }
}
