'use client'

import { useEffect, useLayoutEffect, useMemo, useState, useSyncExternalStore } from 'react'
import type { OutgoingMessage } from './protocol'
import { WebSocketState } from './protocol'
import type { SubscribeOutcome } from './channels'
import type { Delivery } from './outbox'
import type { Quality, QualityLevel } from './quality'
import { Seat, SharedConnection } from './sharing'
import type { SeatConfig } from './sharing'
import type { SendResult, SocketClient } from './socket'
import type { ConnectionError } from './store'

export { MessageType, WebSocketState } from './protocol'
export type { EventUpdate, MetricsUpdate, WebSocketMessage } from './protocol'

/** The configuration of useWebSocket; the defaults are the integration guide's. */
export interface UseWebSocketConfig extends SeatConfig {
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
  /** How good the connection is; null: not measured yet. The figures: useConnectionQuality. */
  quality: QualityLevel | null
  /** Sends a message, or queues it until there is a connection; false: neither. */
  send: (message: OutgoingMessage) => SendResult
  /** Sends a message and tells what became of it. */
  sendWithAck: (message: OutgoingMessage) => Promise<Delivery>
  connect: () => void
  disconnect: () => void
  /** Dials anew, from any state, with a fresh series of attempts. */
  reconnect: () => void
  /** Subscribes now and after each reconnect; the promise tells what became of it, and never rejects. */
  subscribe: (channel: string) => Promise<SubscribeOutcome>
  unsubscribe: (channel: string) => boolean
  /** The connection itself. Other components may share it, and it may be another one after a render. */
  client: SocketClient
}

/** The connections of this page that are shared. */
const connections = new Set<SharedConnection>()

/**
 * A live connection for as long as the component is mounted; components with the same url and auth share one.
 * Handlers are always those of the latest render, and messages reach only them: none causes a render by itself.
 */
export function useWebSocket(config: UseWebSocketConfig = {}): UseWebSocketResult {
  // A Vite application that has these sources sets it; the package is built without.
  const url = (config.url ?? import.meta.env.VITE_WEBSOCKET_URL) || undefined
  const enabled = (config.enabled ?? true) && url !== undefined
  const { client, actions } = useSeat({ ...config, url }, enabled)
  const { subscribe, getSnapshot } = client.store
  const snapshot = useSyncExternalStore(subscribe, getSnapshot, getSnapshot)
  const getLevel = () => client.quality.getSnapshot().level
  const quality = useSyncExternalStore(client.quality.subscribe, getLevel, getLevel)
  return useMemo(
    () => ({ ...snapshot, ...flags(snapshot.state), quality, ...actions, client }),
    [snapshot, quality, actions, client],
  )
}

/** The figures behind `quality`: renders when they change, at most once a second and with each heartbeat. */
export function useConnectionQuality({ client }: Pick<UseWebSocketResult, 'client'>): Quality {
  const { subscribe, getSnapshot } = client.quality
  return useSyncExternalStore(subscribe, getSnapshot, getSnapshot)
}

// A connection is made while rendering, which is harmless: it does nothing before somebody enters it.
function useSeat(config: UseWebSocketConfig, enabled: boolean) {
  const { url, token, channels, dialect, tokenIn, authScope, env } = config
  const candidate = useMemo(
    () => new SharedConnection(config, enabled ? connections : null).first,
    // Everything else reaches the connection by update(); only these make it another one.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [url, dialect, tokenIn, authScope, env, enabled],
  )
  const [seat] = useState(() => new Seat(config, candidate))
  const { subscribe, getSnapshot } = seat.entered
  const entered = useSyncExternalStore(subscribe, getSnapshot, getSnapshot)

  useLayoutEffect(() => seat.update(config))
  // Before it enters: another connection begins with the channels of this render.
  const list = JSON.stringify(channels)
  useEffect(
    () => seat.setChannels(list === undefined ? undefined : (JSON.parse(list) as string[])),
    [seat, list],
  )
  useEffect(() => seat.enter(candidate), [seat, candidate])
  useEffect(() => seat.setToken(token), [seat, token])

  // A component that was mounted at the same time may have opened the connection first.
  const { client } = entered.candidate === candidate ? entered.connection : candidate
  return { client, actions: seat.actions }
}

function flags(state: WebSocketState) {
  return {
    isConnected: state === WebSocketState.CONNECTED,
    isConnecting: state === WebSocketState.CONNECTING,
    isDisconnected: state === WebSocketState.DISCONNECTED,
    isError: state === WebSocketState.ERROR,
  }
}
