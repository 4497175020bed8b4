import type { ClientEnv, Timer, WebSocketLike } from './env'
import { Heartbeat } from './heartbeat'
import type { HeartbeatTimes } from './heartbeat'

const OPEN = 1

/** Who is told what happens on a link. */
export interface LinkOwner {
  opened(link: Link): void
  received(link: Link, raw: unknown): void
  failed(link: Link, event: Event): void
  closed(link: Link, code: number, reason: string): void
  heartbeatExpired(link: Link): void
}

/**
 * One attempt and the socket that may come of it, with everything that must go when it goes: its timers,
 * its heartbeat, its notes. Once abandoned it tells its owner nothing more, whatever the browser still fires.
 */
export class Link {
  readonly startedAt: number
  readonly heartbeat: Heartbeat
  /** The token it was dialled with. */
  token: string | null | undefined
  /** The connection counts as connected. */
  ready = false
  /** A session frame came: the server speaks v1. */
  hasSession = false
  /** The socket is open, though not necessarily ready. */
  isOpen = false
  /** The server said the token is about to expire. */
  tokenExpiring = false
  /** When to come back, by a `reconnect` frame; milliseconds. */
  adviceMs: number | undefined
  /** The change log up to here is known to need a fresh snapshot; asked for once. */
  resyncedTo = -1
  private socket: WebSocketLike | undefined
  private readonly timers = new Map<string, Timer>()

  constructor(
    private readonly env: ClientEnv,
    private readonly owner: LinkOwner,
    times: () => HeartbeatTimes,
  ) {
    this.startedAt = env.now()
    this.heartbeat = new Heartbeat(env, times, {
      ping: () => this.send({ type: 'ping', timestamp: new Date(env.now()).toISOString() }),
      expired: () => owner.heartbeatExpired(this),
    })
  }

  /** Dials; throws where the browser refuses the address. */
  open(url: string, Socket: new (url: string) => WebSocketLike): void {
    const socket = new Socket(url)
    this.socket = socket
    socket.onopen = () => {
      this.isOpen = true
      this.owner.opened(this)
    }
    socket.onmessage = (event) => {
      this.heartbeat.alive()
      this.owner.received(this, event.data)
    }
    socket.onerror = (event) => this.owner.failed(this, event)
    socket.onclose = (event) => this.owner.closed(this, event.code, event.reason)
  }

  /** Sends one frame; false: it did not go out. */
  send(frame: object): boolean {
    if (this.socket?.readyState !== OPEN) return false
    try {
      this.socket.send(JSON.stringify(frame))
      return true
    } catch {
      return false
    }
  }

  /** Runs once, later, unless the link goes first; a name has one timer. */
  after(name: string, ms: number, run: () => void): void {
    this.cancel(name)
    this.timers.set(name, this.env.setTimeout(run, ms))
  }

  /** Takes a timer back. */
  cancel(name: string): void {
    const timer = this.timers.get(name)
    if (timer !== undefined) this.env.clearTimeout(timer)
    this.timers.delete(name)
  }

  /** Lets go at once, without waiting for the close of a socket that may be dead. */
  abandon(code: number): void {
    this.heartbeat.stop()
    for (const name of [...this.timers.keys()]) this.cancel(name)
    const socket = this.socket
    this.socket = undefined
    if (!socket) return
    socket.onopen = socket.onmessage = socket.onclose = null
    // Closing a socket that is still connecting fires an error; some implementations throw one nobody handles.
    socket.onerror = () => undefined
    try {
      socket.close(code)
    } catch {
      // It is gone either way.
    }
  }
}
