/**
 * Five ways to use the hook, each a component that compiles and runs in the tests. They take what talks to
 * the REST API as a prop, so that they can be copied whatever the application fetches with.
 */
import { useEffect, useState } from 'react'
import { ConnectionStatus } from '../components/ConnectionStatus'
import { MessageType, useWebSocket } from './useWebSocket'
import type { EventUpdate, MetricsUpdate } from './useWebSocket'

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

/** Adds or changes one event of a list; fields that the update does not tell stay. */
function applyUpdate(events: EventUpdate[], update: EventUpdate): EventUpdate[] {
  const isKnown = events.some((event) => event.id === update.id)
  if (!isKnown) return [update, ...events]
  return events.map((event) => (event.id === update.id ? { ...event, ...update } : event))
}

/** Pattern 2: a list kept live. It is loaded when the connection stands, and again when a gap is possible. */
export function EventsPage({ token, load }: { token?: string; load: () => Promise<EventUpdate[]> }) {
  const [events, setEvents] = useState<EventUpdate[]>([])
  const reload = () => void load().then(setEvents, () => undefined)
  useWebSocket({
    url: import.meta.env.VITE_WEBSOCKET_URL,
    token,
    enabled: !!token,
    onOpen: reload,
    onResync: reload,
    onEventCreated: (event) => setEvents((list) => applyUpdate(list, event)),
    onEventUpdate: (event) => setEvents((list) => applyUpdate(list, event)),
    onEventDeleted: (id) => setEvents((list) => list.filter((event) => event.id !== id)),
  })
  return (
    <ul>
      {events.map((event) => (
        <li key={event.id}>
          {event.id}: {event.status}
        </li>
      ))}
    </ul>
  )
}

/** Pattern 3: an optimistic send. The row is shown before the server answers, and leaves when it refuses. */
export function OptimisticSend({ token, post }: { token?: string; post: () => Promise<{ id: string }> }) {
  const [events, setEvents] = useState<EventUpdate[]>([])
  useWebSocket({
    url: import.meta.env.VITE_WEBSOCKET_URL,
    token,
    enabled: !!token,
    onEventCreated: (event) => setEvents((list) => applyUpdate(list, event)),
    onEventUpdate: (event) => setEvents((list) => applyUpdate(list, event)),
  })

  async function send() {
    const draft: EventUpdate = { id: `draft-${Date.now()}`, status: 'pending' }
    setEvents((list) => applyUpdate(list, draft))
    const sent = await post().catch(() => null)
    setEvents((list) => {
      const others = list.filter((event) => event.id !== draft.id)
      // The frame may have come before the answer, and knows better.
      const isKnown = others.some((event) => event.id === sent?.id)
      return !sent || isKnown ? others : applyUpdate(others, { ...draft, id: sent.id })
    })
  }

  return (
    <>
      <button onClick={() => void send()}>Send event</button>
      <ul>
        {events.map((event) => (
          <li key={event.id}>
            {event.id}: {event.status}
          </li>
        ))}
      </ul>
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
    subscribe(channel)
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
