import type { SessionData } from './protocol'

/** What a reconnect, or a page loaded anew, needs to go on where the last connection stopped. */
export interface ResumePoint {
  session: string
  after: number
}

/** How far the change log was read, and in which session. @internal */
export class Cursor {
  /** The highest position seen. */
  seq = 0
  private events = 0
  private session: string | undefined
  private head = 0

  /** Where to go on from; undefined: there is no session to go on with. */
  get point(): ResumePoint | undefined {
    return this.session === undefined ? undefined : { session: this.session, after: this.seq }
  }

  /** Takes up what another page load left. */
  restore({ session, after }: ResumePoint): void {
    this.session = session
    this.skipTo(after)
  }

  /** Takes a session on; one that was not resumed starts at the server's seq. */
  start(data: SessionData): void {
    this.session = data.session
    this.skipTo(data.resumed ? this.seq : data.seq)
    this.head = 0
  }

  /** Everything up to here is known, or is given up. */
  skipTo(seq: number): void {
    this.seq = this.events = seq
  }

  /** A change came. Heads are positions of events, which those of deliveries and endpoints must not hide. */
  reach(seq: number, isEvent: boolean): void {
    this.seq = Math.max(this.seq, seq)
    if (isEvent) this.events = Math.max(this.events, seq)
  }

  /** The next connection starts anew. */
  forget(): void {
    this.session = undefined
    this.head = 0
    this.skipTo(0)
  }

  /**
   * A pong told the head of the log. true: what the pong before told of has still not come, one heartbeat
   * later; told once per head. Right only for a connection that subscribes to every change.
   */
  isBehind(head: number): boolean {
    const missed = this.head > this.events
    this.head = missed ? 0 : head
    return missed
  }
}
