import type { WebSocketLike } from '../env'

const CONNECTING = 0
const OPEN = 1
const CLOSING = 2
const CLOSED = 3

const SUBPROTOCOL = /^[\w!#$%&'*+.^`|~-]+$/

/**
 * A WebSocket without a network, true to browsers where it matters. `error` comes before `close`, with
 * readyState 3 already. No event comes from within close(): while it dials, `error` and `close` 1006 follow;
 * when open, it is CLOSING until the other side answers, which takes a microtask, or for ever when the link is
 * half open. A server that selects none of the offered subprotocols fails the attempt. What arrives in any
 * other state than OPEN is lost, and so is what is sent then.
 */
export class FakeSocket implements WebSocketLike {
  /** Every socket made, the latest last; tests may empty it. */
  static all: FakeSocket[] = []

  readyState = CONNECTING
  protocol = ''
  onopen: WebSocketLike['onopen'] = null
  onmessage: WebSocketLike['onmessage'] = null
  onerror: WebSocketLike['onerror'] = null
  onclose: WebSocketLike['onclose'] = null
  /** What reached the server, as text. */
  readonly sent: string[] = []
  /** The code that close() was called with. */
  closedWith: number | undefined
  private isHalfOpen = false

  constructor(
    readonly url: string,
    readonly protocols: string[] = [],
  ) {
    if (!/^wss?:$/.test(new URL(url).protocol)) throw new DOMException('bad scheme', 'SyntaxError')
    if (!protocols.every((word) => SUBPROTOCOL.test(word)))
      throw new DOMException('bad subprotocol', 'SyntaxError')
    if (new Set(protocols).size < protocols.length) throw new DOMException('subprotocol twice', 'SyntaxError')
    new.target.all.push(this)
  }

  /** The sockets that are dialling or open. */
  static get live(): FakeSocket[] {
    return this.all.filter((s) => s.readyState <= OPEN)
  }

  /** The socket made last. */
  static get last(): FakeSocket {
    const last = this.all.at(-1)
    if (!last) throw new Error('no socket was made')
    return last
  }

  get query(): URLSearchParams {
    return new URL(this.url).searchParams
  }

  /** The frames the client sent, of one type where it is given. */
  frames(type?: string): Record<string, unknown>[] {
    const frames = this.sent.map((text) => JSON.parse(text) as Record<string, unknown>)
    return type === undefined ? frames : frames.filter((frame) => frame.type === type)
  }

  // ---- what the client does ----

  send(text: string): void {
    if (this.readyState === CONNECTING) throw new DOMException('still connecting', 'InvalidStateError')
    if (this.readyState === OPEN && !this.isHalfOpen) this.sent.push(text)
  }

  close(code?: number, reason = ''): void {
    if (code !== undefined && code !== 1000 && (code < 3000 || code > 4999)) {
      throw new DOMException(`${code}`, 'InvalidAccessError')
    }
    if (new TextEncoder().encode(reason).length > 123) throw new DOMException('long reason', 'SyntaxError')
    if (this.readyState >= CLOSING) return
    this.closedWith = code
    const wasOpen = this.readyState === OPEN
    this.readyState = CLOSING
    if (this.isHalfOpen) return
    queueMicrotask(() => (wasOpen ? this.end(code ?? 1005, reason) : this.end()))
  }

  // ---- what the server and the network do ----

  /** The server accepts, and selects a subprotocol where one is offered: the first, unless another is given. */
  accept(protocol = this.protocols[0] ?? ''): this {
    if (this.readyState !== CONNECTING) return this
    if (this.protocols.length > 0 && !this.protocols.includes(protocol)) {
      this.end()
      return this
    }
    this.protocol = protocol
    this.readyState = OPEN
    this.onopen?.(new Event('open'))
    return this
  }

  /** A frame arrives; a string goes as it is. */
  receive(frame: unknown): void {
    if (this.readyState !== OPEN || this.isHalfOpen) return
    const data = typeof frame === 'string' ? frame : JSON.stringify(frame)
    this.onmessage?.(new MessageEvent('message', { data }))
  }

  /** The v1 greeting arrives. */
  greet(data: Record<string, unknown> = {}): void {
    const session = { session: 's1', seq: 10, resumed: false, channels: ['events', 'metrics'], ...data }
    this.receive({ type: 'session', data: session })
  }

  /** The connection ends; 1006, a loss or a refused upgrade, brings an `error` first. */
  end(code = 1006, reason = ''): void {
    if (this.readyState === CLOSED) return
    this.readyState = CLOSED
    const wasClean = code !== 1006
    if (!wasClean) this.onerror?.(new Event('error'))
    // Node has no CloseEvent.
    this.onclose?.(Object.assign(new Event('close'), { code, reason, wasClean }))
  }

  /** From now on nothing gets through, either way, and nobody says so. */
  halfOpen(): void {
    this.isHalfOpen = true
  }
}
