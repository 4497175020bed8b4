import type { ClientEnv } from '../env'
import { FakeClock } from './fakeClock'
import { FakePage } from './fakePage'
import { FakeSocket } from './fakeSocket'
import { FakeStorage } from './fakeStorage'

/**
 * A server, a network, a tab and a clock for one client, and words for what can go wrong with them:
 *
 *     const world = new FakeWorld()
 *     const client = new SocketClient({ url: 'wss://example.com/ws' }, world.env)
 *     client.connect()
 *     world.accept().greet()
 *     world.drop()
 */
export class FakeWorld {
  readonly clock: FakeClock
  readonly page = new FakePage()
  readonly storage = new FakeStorage()
  /** The sockets of this world alone. */
  readonly Socket: typeof FakeSocket = class extends FakeSocket {
    static override all: FakeSocket[] = []
  }
  /** What Math.random gives: no jitter, unless a test wants some. */
  random = 0
  /** The second argument of SocketClient. */
  readonly env: ClientEnv

  /** startsAt: where its clock stands, milliseconds since the epoch. */
  constructor(startsAt?: number) {
    this.clock = new FakeClock(startsAt)
    const { page, storage } = this
    const { now, setTimeout, clearTimeout } = this.clock
    this.env = {
      WebSocket: this.Socket,
      baseUrl: undefined,
      page,
      storage,
      now,
      random: () => this.random,
      setTimeout,
      clearTimeout,
    }
  }

  /** The socket made last. */
  get socket(): FakeSocket {
    return this.Socket.last
  }

  /** Lets time pass. */
  advance(ms: number): void {
    this.clock.advance(ms)
  }

  /** The server accepts the attempt under way. */
  accept(): FakeSocket {
    return this.socket.accept()
  }

  /** The server refuses the attempt under way, as browsers get to see it: upgraded, then closed with a code. */
  refuse(code: number, reason = ''): void {
    this.socket.accept().end(code, reason)
  }

  /** The connection is lost. */
  drop(): void {
    this.socket.end(1006)
  }

  /** The connection is dead, and nobody says so. */
  halfOpen(): void {
    this.socket.halfOpen()
  }

  /** The tab is hidden and frozen for a while: the clock moves, timers do not. Then it is shown again. */
  freeze(ms: number): void {
    this.page.hide()
    this.clock.jump(ms)
    this.page.show()
  }

  /** The server says that the token is about to expire. */
  warnOfExpiry(): void {
    this.socket.receive({ type: 'auth', data: { status: 'expiring' } })
  }

  /** The token has expired. */
  expireToken(): void {
    this.socket.end(4401, 'token_expired')
  }

  /** The server drains: tells when to come back, then goes. */
  restart(afterMs: number): void {
    this.socket.receive({ type: 'reconnect', data: { after_ms: afterMs } })
    this.socket.end(1012, 'restart')
  }
}
