import type { WebSocketLike } from '../lib/env'

const CONNECTING = 0
const OPEN = 1
const CLOSING = 2
const CLOSED = 3

/**
 * A WebSocket without a network, true to browsers where it matters: `error` comes before `close`, with
 * readyState 3 already; a failed socket closes with 1006; close() takes only 1000 and 3000–4999.
 */
export class FakeSocket implements WebSocketLike {
  static all: FakeSocket[] = []

  readyState = CONNECTING
  onopen: WebSocketLike['onopen'] = null
  onmessage: WebSocketLike['onmessage'] = null
  onerror: WebSocketLike['onerror'] = null
  onclose: WebSocketLike['onclose'] = null
  readonly sent: string[] = []
  closedWith: number | undefined

  constructor(
    readonly url: string,
    readonly protocols: string[] = [],
  ) {
    // As browsers do: the constructor throws on an address that is none.
    if (!/^wss?:$/.test(new URL(url).protocol)) throw new DOMException('bad scheme', 'SyntaxError')
    FakeSocket.all.push(this)
  }

  /** The sockets that are dialling or open. */
  static get live(): FakeSocket[] {
    return FakeSocket.all.filter((s) => s.readyState <= OPEN)
  }

  /** The socket made last. */
  static get last(): FakeSocket {
    const last = FakeSocket.all.at(-1)
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

  send(text: string): void {
    if (this.readyState === CONNECTING) throw new DOMException('still connecting', 'InvalidStateError')
    if (this.readyState === OPEN) this.sent.push(text)
  }

  close(code?: number): void {
    if (code !== undefined && code !== 1000 && (code < 3000 || code > 4999)) {
      throw new DOMException(`${code}`, 'InvalidAccessError')
    }
    if (this.readyState >= CLOSING) return
    this.closedWith = code
    const wasConnecting = this.readyState === CONNECTING
    this.readyState = CLOSING
    if (wasConnecting) this.onerror?.(new Event('error'))
  }

  /** The server accepts. */
  accept(): this {
    if (this.readyState !== CONNECTING) return this
    this.readyState = OPEN
    this.onopen?.(new Event('open'))
    return this
  }

  /** A frame arrives; a string goes as it is. */
  receive(frame: unknown): void {
    const data = typeof frame === 'string' ? frame : JSON.stringify(frame)
    this.onmessage?.(new MessageEvent('message', { data }))
  }

  /** The v1 greeting arrives. */
  greet(data: Record<string, unknown> = {}): void {
    const session = { session: 's1', seq: 10, resumed: false, channels: ['events', 'metrics'], ...data }
    this.receive({ type: 'session', data: session })
  }

  /** The connection ends by itself; 1006 brings an `error` first. */
  end(code = 1006, reason = ''): void {
    if (this.readyState === CLOSED) return
    this.readyState = CLOSED
    if (code === 1006) this.onerror?.(new Event('error'))
    this.onclose?.(new CloseEvent('close', { code, reason, wasClean: code !== 1006 }))
  }
}
