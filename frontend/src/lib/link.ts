import type { SocketConstructor, WebSocketLike } from './env'
import type { Credential } from './options'
import type { Renewal } from './renewal'

const OPEN = 1
/** How the `ws` package says that a server refused the upgrade; browsers do not tell. */
const REFUSED = /^Unexpected server response: (4\d\d)$/

/** What is told of a link until it is abandoned. @internal */
export interface LinkListener {
  opened(): void
  received(raw: unknown): void
  failed(event: Event): void
  closed(code: number, reason: string): void
}

/**
 * One attempt and the socket that may come of it. Once abandoned it tells nothing more, whatever the
 * browser still fires, so that the late events of one socket never reach the next.
 * @internal
 */
export class Link {
  /** The credential in force: what it was dialled with, or what the server has accepted since. */
  credential: Credential
  private socket: WebSocketLike | undefined

  /** renewal: of that credential. */
  constructor(public renewal: Renewal) {}

  /** Dials; throws where the browser refuses the address. */
  open(Socket: SocketConstructor, url: string, protocols: string[], listener: LinkListener): void {
    const socket = new Socket(url, protocols)
    this.socket = socket
    const isMine = () => socket === this.socket
    socket.onopen = () => isMine() && listener.opened()
    socket.onmessage = (event) => isMine() && listener.received(event.data)
    let refused: string | undefined
    socket.onerror = (event) => {
      refused = REFUSED.exec((event as ErrorEvent).message)?.[1]
      if (isMine()) listener.failed(event)
    }
    // A status of HTTP and its close code mean the same: 401 is 4401.
    socket.onclose = ({ code, reason }) =>
      isMine() && listener.closed(refused && code === 1006 ? 4000 + Number(refused) : code, reason)
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

  /** Lets go at once, without waiting for the close of a socket that may be dead. */
  abandon(code: number): void {
    const { socket } = this
    this.socket = undefined
    try {
      socket?.close(code)
    } catch {
      // It is gone either way.
    }
  }
}
