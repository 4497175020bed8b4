import type { OutgoingMessage } from './messages'

/** What a queue may hold while there is no connection. */
export interface OutboxLimits {
  /** 0 turns the queue off. The default stays under the burst that servers allow. */
  maxMessages: number
  /** Of JSON, as UTF-16 units. */
  maxBytes: number
  /** How long a message may wait to go out, or for its answer; milliseconds. */
  maxAge: number
}

/**
 * What became of a message: its answer came; nothing came in time; or it was given up, because newer ones
 * needed the room, the server refused it, or the connection was ended.
 */
export type Delivery = 'acked' | 'expired' | 'dropped'

/** @internal */
interface Entry {
  message: OutgoingMessage
  bytes: number
  expiresAt: number
  settle: ((delivery: Delivery) => void) | undefined
}

/** Messages that wait for a connection, oldest first, and those that wait for their answer. @internal */
export class Outbox {
  private queue: Entry[] = []
  private readonly unanswered = new Map<string, Entry>()

  constructor(private readonly limits: () => OutboxLimits) {}

  /** Messages that wait to go out. */
  get size(): number {
    return this.queue.length
  }

  /** Takes a message; the oldest make room. false: it is too big, or there is no queue. */
  add(message: OutgoingMessage, now: number, settle?: Entry['settle']): boolean {
    const { maxMessages, maxBytes, maxAge } = this.limits()
    const bytes = JSON.stringify(message).length
    if (maxMessages < 1 || bytes > maxBytes) return false
    this.queue.push({ message, bytes, expiresAt: now + maxAge, settle })
    this.makeRoom()
    return true
  }

  /** Sends what waits, in order, for as long as send takes it. */
  flush(send: (message: OutgoingMessage) => boolean): void {
    while (this.queue[0] && send(this.queue[0].message)) {
      const entry = this.queue.shift()!
      if (entry.settle) this.unanswered.set(entry.message.id ?? '', entry)
    }
  }

  /** A frame with this id came; refused: it is an error. */
  answered(id: string, refused: boolean): void {
    this.unanswered.get(id)?.settle?.(refused ? 'dropped' : 'acked')
    this.unanswered.delete(id)
  }

  /** The connection is gone: what has no answer goes out again with the next one, first. */
  connectionLost(): void {
    this.queue.unshift(...this.unanswered.values())
    this.unanswered.clear()
    this.makeRoom()
  }

  /** Gives up what is too old; returns when to look again, milliseconds since the epoch. */
  expire(now: number): number {
    let next = Infinity
    for (const entry of [...this.queue, ...this.unanswered.values()]) {
      if (entry.expiresAt <= now) this.settle(entry, 'expired')
      else next = Math.min(next, entry.expiresAt)
    }
    return next
  }

  /** Gives everything up. */
  clear(): void {
    for (const entry of [...this.queue, ...this.unanswered.values()]) this.settle(entry, 'dropped')
  }

  private makeRoom(): void {
    const { maxMessages, maxBytes } = this.limits()
    const bytes = () => this.queue.reduce((sum, entry) => sum + entry.bytes, 0)
    while (this.queue.length > maxMessages || bytes() > maxBytes) this.settle(this.queue[0]!, 'dropped')
  }

  private settle(entry: Entry, delivery: Delivery): void {
    this.queue = this.queue.filter((other) => other !== entry)
    this.unanswered.delete(entry.message.id ?? '')
    entry.settle?.(delivery)
  }
}
