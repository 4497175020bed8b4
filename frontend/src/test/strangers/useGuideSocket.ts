/**
 * The hook of the WebSocket integration guide, written from its words alone and independent of `lib`: what somebody
 * gets who has the guide and nothing of ours.
 */
import { useCallback, useEffect, useRef, useState } from 'react'

export interface GuideMessage {
  type: string
  data?: unknown
  timestamp?: string
  error?: string
}

export interface GuideConfig {
  url: string
  token: string
  maxReconnectAttempts?: number
  initialReconnectDelay?: number
  maxReconnectDelay?: number
  heartbeatInterval?: number
  heartbeatTimeout?: number
  onOpen?: () => void
  onMessage?: (message: GuideMessage) => void
  onEventUpdate?: (event: { id: string; status: string }) => void
  onEventCreated?: (event: { id: string; status: string }) => void
  onEventDeleted?: (eventId: string) => void
  onMetricsUpdate?: (metrics: Record<string, number>) => void
}

export type GuideState = 'connecting' | 'connected' | 'disconnected' | 'error' | 'reconnecting'

type Told = Pick<GuideConfig, 'onOpen' | 'onMessage'> &
  Pick<GuideConfig, 'onEventUpdate' | 'onEventCreated' | 'onEventDeleted' | 'onMetricsUpdate'>

function dispatch(message: GuideMessage, told: Told): void {
  told.onMessage?.(message)
  const data = message.data as never
  if (message.type === 'event_update') told.onEventUpdate?.(data)
  if (message.type === 'event_created') told.onEventCreated?.(data)
  if (message.type === 'event_deleted') told.onEventDeleted?.((data as { id: string }).id)
  if (message.type === 'metrics_update') told.onMetricsUpdate?.(data)
}

/** One connection with its timers; `start` is called once for each life of the component. */
class GuideConnection {
  attempt = 0
  private socket: WebSocket | null = null
  private retry: number | undefined
  private beat: number | undefined
  private deadline: number | undefined

  constructor(
    private readonly config: GuideConfig,
    private readonly told: () => Told,
    private readonly show: (state: GuideState, attempt: number) => void,
  ) {}

  start(): void {
    this.show(this.attempt > 0 ? 'reconnecting' : 'connecting', this.attempt)
    const socket = new WebSocket(`${this.config.url}?token=${encodeURIComponent(this.config.token)}`)
    this.socket = socket
    socket.onopen = () => {
      this.attempt = 0
      this.show('connected', 0)
      this.heartbeat()
      this.told().onOpen?.()
    }
    socket.onmessage = (event) => this.hear(JSON.parse(String(event.data)) as GuideMessage)
    socket.onclose = () => this.lost()
  }

  stop(): void {
    window.clearTimeout(this.retry)
    this.quiet()
    if (this.socket) this.socket.onopen = this.socket.onmessage = this.socket.onclose = null
    this.socket?.close()
    this.socket = null
  }

  /** "Stops heartbeat when tab hidden; resumes when tab becomes visible; reconnects if connection lost while hidden." */
  visible(): void {
    if (document.hidden) return this.quiet()
    const { readyState } = this.socket ?? {}
    if (readyState === WebSocket.OPEN) return this.heartbeat()
    if (readyState !== WebSocket.CLOSED || this.retry === undefined) return
    window.clearTimeout(this.retry)
    this.start()
  }

  private hear(message: GuideMessage): void {
    if (message.type === 'pong') window.clearTimeout(this.deadline)
    dispatch(message, this.told())
  }

  private heartbeat(): void {
    this.quiet()
    const { heartbeatInterval = 30_000, heartbeatTimeout = 5000 } = this.config
    this.beat = window.setInterval(() => {
      this.socket?.send(JSON.stringify({ type: 'ping', timestamp: new Date().toISOString() }))
      this.deadline = window.setTimeout(() => this.socket?.close(), heartbeatTimeout)
    }, heartbeatInterval)
  }

  private quiet(): void {
    window.clearInterval(this.beat)
    window.clearTimeout(this.deadline)
  }

  private lost(): void {
    this.quiet()
    const {
      initialReconnectDelay = 1000,
      maxReconnectDelay = 30_000,
      maxReconnectAttempts = 10,
    } = this.config
    if (this.attempt >= maxReconnectAttempts) {
      this.retry = undefined
      return this.show('disconnected', this.attempt)
    }
    const delay =
      Math.min(maxReconnectDelay, initialReconnectDelay * 2 ** this.attempt) + Math.random() * 1000
    this.attempt++
    this.show('reconnecting', this.attempt)
    this.retry = window.setTimeout(() => this.start(), delay)
  }
}

export function useGuideSocket(config: GuideConfig) {
  const [shown, setShown] = useState<{ state: GuideState; attempt: number }>({
    state: 'connecting',
    attempt: 0,
  })
  const told = useRef<Told>(config)
  useEffect(() => {
    told.current = config
  })
  const { url, token } = config
  const connection = useRef<GuideConnection | null>(null)
  useEffect(() => {
    const made = new GuideConnection(
      { url, token },
      () => told.current,
      (state, attempt) => setShown({ state, attempt }),
    )
    connection.current = made
    made.start()
    const visible = () => made.visible()
    document.addEventListener('visibilitychange', visible)
    return () => {
      document.removeEventListener('visibilitychange', visible)
      made.stop()
    }
  }, [url, token])
  const reconnect = useCallback(() => {
    const made = connection.current
    if (!made) return
    made.stop()
    made.attempt = 0
    made.start()
  }, [])
  return { ...shown, reconnectAttempt: shown.attempt, isConnected: shown.state === 'connected', reconnect }
}
