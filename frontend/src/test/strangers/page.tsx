/**
 * A page with a client of somebody else's and a list of events, as the integration guide builds one: it follows the
 * stream while it is connected, and polls every 10 s while it is not. `window.strangers` starts it and keeps what happened.
 */
import { useEffect } from 'react'
import { createRoot } from 'react-dom/client'
import PartySocket from 'partysocket/ws'
import ReconnectingWebSocket from 'reconnecting-websocket'
import { ReadyState } from 'react-use-websocket'
// Its default export is lost between CommonJS and modules where Node's rules for them are kept.
import { useWebSocket as useReactUseWebSocket } from 'react-use-websocket/dist/lib/use-websocket'
import { useGuideSocket } from './useGuideSocket'
import type { GuideMessage } from './useGuideSocket'

interface Start {
  client: 'guide' | 'react-use-websocket' | 'partysocket' | 'reconnecting-websocket'
  url: string
  token: string
}

interface Dial {
  at: number
  opened: boolean
  closedAt: number | null
  pings: number
  pongs: number
}

const strangers = {
  /** Each WebSocket that the page made, by the page's clock. */
  dials: [] as Dial[],
  messages: [] as GuideMessage[],
  /** Events by id, as the page would show them, and the counters. */
  events: {} as Record<string, string>,
  metrics: {} as Record<string, number>,
  /** Polls that were answered, and all that have begun or ended. */
  polls: 0,
  polling: 0,
  connected: false,
  state: '',
  /** The guide's button. */
  reconnect: () => {},
  /** Nothing is under way: what happens next is up to the clock or to the server. */
  settled: () =>
    strangers.polling === 0 &&
    strangers.dials.every((d) => d.closedAt !== null || (d.opened && d.pings === d.pongs)),
  start,
}

export type Strangers = typeof strangers

const Native = window.WebSocket
window.WebSocket = class extends Native {
  private readonly dial: Dial = { at: Date.now(), opened: false, closedAt: null, pings: 0, pongs: 0 }

  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols)
    const { dial } = this
    strangers.dials.push(dial)
    this.addEventListener('open', () => (dial.opened = true))
    this.addEventListener('close', () => (dial.closedAt = Date.now()))
    this.addEventListener('message', ({ data }) => {
      if (String(data).startsWith('{"type":"pong"')) dial.pongs++
    })
  }

  override send(data: string): void {
    if (data.startsWith('{"type":"ping"')) this.dial.pings++
    super.send(data)
  }
}

function hear(message: GuideMessage): void {
  strangers.messages.push(message)
  const { id, status } = (message.data ?? {}) as { id: string; status: string }
  if (message.type === 'event_created' || message.type === 'event_update') strangers.events[id] = status
  if (message.type === 'event_deleted') delete strangers.events[id]
  if (message.type === 'metrics_update') strangers.metrics = message.data as Record<string, number>
}

async function load(token: string): Promise<void> {
  const get = (path: string) =>
    fetch(path, { headers: { Authorization: `Bearer ${token}` } }).then((r) => r.json())
  strangers.polling++
  try {
    const [list, summary] = (await Promise.all([get('/api/events'), get('/api/metrics/summary')])) as [
      { events: { id: string; status: string }[] },
      Record<string, number>,
    ]
    strangers.events = Object.fromEntries(list.events.map((e) => [e.id, e.status]))
    strangers.metrics = summary
    strangers.polls++
  } catch {
    // The server is away; the next poll asks again.
  } finally {
    strangers.polling--
  }
}

/** Step 4 of the guide. What it leaves to the page: the list is loaded once at each start and each connection, too. */
function useFallback(isConnected: boolean, token: string): void {
  useEffect(() => {
    strangers.connected = isConnected
    void load(token)
    if (isConnected) return
    const interval = setInterval(() => void load(token), 10_000)
    return () => clearInterval(interval)
  }, [isConnected, token])
}

function GuidePage({ url, token }: Start) {
  const ws = useGuideSocket({ url, token, onMessage: hear })
  useFallback(ws.isConnected, token)
  useEffect(() => {
    Object.assign(strangers, { state: ws.state, reconnect: ws.reconnect })
  }, [ws.state, ws.reconnect])
  return <p role="status">{ws.state}</p>
}

function ReactUseWebSocketPage({ url, token }: Start) {
  const { readyState } = useReactUseWebSocket(url, {
    queryParams: { token },
    shouldReconnect: () => true,
    reconnectAttempts: 10,
    reconnectInterval: (attempt) => Math.min(1000 * 2 ** attempt, 30_000),
    heartbeat: { message: '{"type":"ping"}' },
    onMessage: (event) => hear(JSON.parse(String(event.data)) as GuideMessage),
    onReconnectStop: () => (strangers.state = 'disconnected'),
  })
  useFallback(readyState === ReadyState.OPEN, token)
  return null
}

function ClassPage({ make, token }: { make: () => ReconnectingWebSocket | PartySocket; token: string }) {
  useEffect(() => {
    const socket = make()
    let interval: number | undefined
    const poll = (isConnected: boolean) => {
      strangers.connected = isConnected
      window.clearInterval(interval)
      void load(token)
      if (!isConnected) interval = window.setInterval(() => void load(token), 10_000)
    }
    poll(false)
    socket.onmessage = (event: MessageEvent) => hear(JSON.parse(String(event.data)) as GuideMessage)
    socket.onopen = () => poll(true)
    socket.onclose = () => strangers.connected && poll(false)
    return () => socket.close()
  }, [make, token])
  return null
}

function start(options: Start): void {
  const { client, token } = options
  const address = `${options.url}?token=${encodeURIComponent(token)}`
  const pages = {
    guide: () => <GuidePage {...options} />,
    'react-use-websocket': () => <ReactUseWebSocketPage {...options} />,
    partysocket: () => (
      <ClassPage make={() => new PartySocket(address, [], { maxRetries: 10 })} token={token} />
    ),
    'reconnecting-websocket': () => (
      <ClassPage make={() => new ReconnectingWebSocket(address, [], { maxRetries: 10 })} token={token} />
    ),
  }
  createRoot(document.body.appendChild(document.createElement('main'))).render(pages[client]())
}

Object.assign(window, { strangers })
