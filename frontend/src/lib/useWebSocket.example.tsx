/**
 * Five ways to use the library, each a component that compiles and runs in the tests. They take what talks to
 * the REST API as a prop, so that they can be copied whatever the application fetches with. Patterns 2 and 3
 * stand below a QueryClientProvider.
 */
import { useEffect, useState } from 'react'
import { ConnectionStatus } from '../components/ConnectionStatus'
import { LiveProvider, newKey, useCreateEvent, useLiveEvents } from './query'
import type { LiveApi } from './query'
import { MessageType, useWebSocket } from './useWebSocket'
import type { MetricsUpdate } from './useWebSocket'

const POLL_EVERY = 10_000

/** Pattern 1: live metrics, and polling for as long as there is no connection. */
export function DashboardPage({ token, load }: { token?: string; load: () => Promise<MetricsUpdate> }) {
  const [metrics, setMetrics] = useState<MetricsUpdate | null>(null)
  const ws = useWebSocket({
    url: import.meta.env.VITE_WEBSOCKET_URL,
    token,
    enabled: !!token,
    onMetricsUpdate: (update) => setMetrics((previous) => ({ ...previous, ...update })),
  })

  useEffect(() => {
    if (!token || ws.isConnected) return
    // An answer that comes after the connection does must not overwrite what the connection told.
    let isCurrent = true
    const poll = () =>
      load().then(
        (loaded) => isCurrent && setMetrics(loaded),
        () => undefined, // the next poll tries again
      )
    void poll()
    const interval = setInterval(() => void poll(), POLL_EVERY)
    return () => {
      isCurrent = false
      clearInterval(interval)
    }
  }, [token, load, ws.isConnected])

  return (
    <section>
      <ConnectionStatus
        state={ws.state}
        reconnectAttempt={ws.reconnectAttempt}
        reconnectDelay={ws.reconnectDelay}
        nextRetryAt={ws.nextRetryAt}
        maxReconnectAttempts={10}
        lastError={ws.lastError}
        onReconnect={ws.reconnect}
        pollingEvery={POLL_EVERY}
        showDetails={true}
      />
      <p>Total: {metrics ? metrics.total_events : '–'}</p>
    </section>
  )
}

/** Pattern 2: a list kept live, snapshot and stream joined by the hook; below it, any number of components. */
export function EventsPage({ token, api }: { token?: string; api?: LiveApi }) {
  return (
    <LiveProvider token={token} api={api} socket={{ url: import.meta.env.VITE_WEBSOCKET_URL }}>
      <Rows />
    </LiveProvider>
  )
}

function Rows() {
  const { events } = useLiveEvents()
  return (
    <ul>
      {events.map((event) => (
        <li key={event.id}>
          {event.id}: {event.sending ? 'sending' : event.status}
        </li>
      ))}
    </ul>
  )
}

/** Pattern 3: an optimistic send. The row is shown before the server answers, and leaves when it refuses. */
export function OptimisticSend({ token, api }: { token?: string; api?: LiveApi }) {
  return (
    <LiveProvider token={token} api={api} socket={{ url: import.meta.env.VITE_WEBSOCKET_URL }}>
      <SendButton />
      <Rows />
    </LiveProvider>
  )
}

function SendButton() {
  const { mutate, error } = useCreateEvent()
  const event = { type: 'order.created', source: 'shop', payload: { total: 12 } }
  return (
    <>
      <button onClick={() => mutate({ key: newKey(), event })}>Send event</button>
      {error && <p role="alert">{error.message}</p>}
    </>
  )
}

/** Pattern 4: messages beyond the typed handlers: an own subscription, its confirmation, the server's errors. */
export function CustomMessages({ token, channel }: { token?: string; channel: string }) {
  const [log, setLog] = useState<string[]>([])
  const note = (line: string) => setLog((lines) => [...lines.slice(-9), line])
  const { subscribe, unsubscribe, send } = useWebSocket({
    url: import.meta.env.VITE_WEBSOCKET_URL,
    token,
    enabled: !!token,
    channels: NO_CHANNELS,
    onMessage: (message) => {
      if (message.type === MessageType.SUBSCRIBE) note(`subscribed to ${channel}`)
      if (message.type === MessageType.ERROR) note(message.error ?? 'unknown error')
    },
  })

  useEffect(() => {
    void subscribe(channel)
    return () => void unsubscribe(channel)
  }, [channel, subscribe, unsubscribe])

  return (
    <>
      <button onClick={() => note(`ping ${send({ type: 'ping', id: 'mine' }) || 'refused'}`)}>Ping</button>
      <pre>{log.join('\n')}</pre>
    </>
  )
}

const NO_CHANNELS: readonly string[] = []

/** Pattern 5: the connection is made and ended by hand. */
export function ManualControl({ token }: { token?: string }) {
  const ws = useWebSocket({ url: import.meta.env.VITE_WEBSOCKET_URL, token, enabled: false })
  return (
    <>
      <ConnectionStatus state={ws.state} lastError={ws.lastError} />
      <button onClick={ws.connect} disabled={!ws.isDisconnected}>
        Connect
      </button>
      <button onClick={ws.disconnect} disabled={ws.isDisconnected}>
        Disconnect
      </button>
      <button onClick={ws.reconnect}>Reconnect</button>
    </>
  )
}
