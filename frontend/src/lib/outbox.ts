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
  /** It went out, and waits for its answer. */
  isSent: boolean
}

/** Messages that wait for a connection or for their answer, oldest first. @internal */
export class Outbox {
  private entries: Entry[] = []

  constructor(private readonly limits: () => OutboxLimits) {}

  /** Takes a message; the oldest make room. false: it is too big, or there is no queue. */
  add(message: OutgoingMessage, now: number, settle?: Entry['settle']): boolean {
    const { maxMessages, maxBytes, maxAge } = this.limits()
    const bytes = JSON.stringify(message).length
    if (maxMessages < 1 || bytes > maxBytes) return false
    this.entries.push({ message, bytes, expiresAt: now + maxAge, settle, isSent: false })
    this.makeRoom()
    return true
  }

  /** Sends what waits, in order, for as long as send takes it; false: something waits still. */
  flush(send: (message: OutgoingMessage) => boolean): boolean {
    return this.waiting.every((entry) => {
      entry.isSent = send(entry.message)
      // Nobody waits to hear of it.
      if (entry.isSent && !entry.settle) this.remove(entry, 'acked')
      return entry.isSent
    })
  }

  /** A frame with this id came; refused: it is an error. */
  answered(id: string, refused: boolean): void {
    const entry = this.entries.find(({ isSent, message }) => isSent && message.id === id)
    if (entry) this.remove(entry, refused ? 'dropped' : 'acked')
  }

  /** The connection is gone: what has no answer goes out again with the next one, first. */
  connectionLost(): void {
    for (const entry of this.entries) entry.isSent = false
    this.makeRoom()
  }

  /** Gives up what is too old; returns when to look again, milliseconds since the epoch. */
  expire(now: number): number {
    for (const entry of this.entries) if (entry.expiresAt <= now) this.remove(entry, 'expired')
    return Math.min(...this.entries.map(({ expiresAt }) => expiresAt), Infinity)
  }

  /** Gives everything up. */
  clear(): void {
    for (const entry of this.entries) this.remove(entry, 'dropped')
  }

  private get waiting(): Entry[] {
    return this.entries.filter(({ isSent }) => !isSent)
  }

  /** Keeps the newest, as many as the limits allow. */
  private makeRoom(): void {
    const { maxMessages, maxBytes } = this.limits()
    let messages = 0
    let bytes = 0
    for (const entry of this.waiting.reverse()) {
      messages++
      bytes += entry.bytes
      if (messages > maxMessages || bytes > maxBytes) this.remove(entry, 'dropped')
    }
  }

  private remove(entry: Entry, delivery: Delivery): void {
    this.entries = this.entries.filter((other) => other !== entry)
    entry.settle?.(delivery)
  }
}
