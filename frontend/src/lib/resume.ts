import type { SessionData } from './protocol'

/** How far the change log was read, and in which session; what a reconnect needs to go on from there. */
export class ResumePoint {
  private session: string | undefined
  private seq = 0

  /** For the address of the next attempt. */
  get forUrl(): { session: string; after: number } | undefined {
    return this.session === undefined ? undefined : { session: this.session, after: this.seq }
  }

  /** Takes a session on; one that was not resumed starts at the server's seq. */
  start(session: SessionData): void {
    this.session = session.session
    if (!session.resumed) this.seq = session.seq
  }

  /** The server skipped state up to seq. */
  jump(seq: number): void {
    this.seq = seq
  }

  /** Whether a change was seen before. Changes come in seq order, so the highest one seen decides. */
  isOld(seq: number): boolean {
    return seq <= this.seq
  }

  /** A change was seen. */
  advance(seq: number): void {
    if (seq > this.seq) this.seq = seq
  }

  /** The next connection starts anew. */
  forget(): void {
    this.session = undefined
    this.seq = 0
  }
}
