import { Channels } from './channels'
import { Cursor } from './cursor'
import { deliver, isMessage, tell } from './handlers'
import type { Handlers, MessageFrame, ResyncReason } from './handlers'
import { Inbox } from './inbox'
import { MessageType } from './messages'
import type { ServerFrame } from './protocol'

/** What a stream needs of the connection it reads. @internal */
export interface StreamConnection {
  readonly settings: Handlers
  /** Of the present link: it speaks v1, and what it began with is known. */
  readonly greeted: boolean
  /** Sends where the connection is usable; false: it did not go out. */
  sendFrame(frame: object): boolean
  /** The session at hand follows on a usable connection that is gone. */
  readonly isAgain: boolean
  /** Runs what a session means for the connection itself; false: the link is gone. */
  sessionStarted(resumed: boolean): boolean
  advised(ms: number): void
  tokenExpiring(): void
  /** A frame that an application's message may wait for. */
  answered(frame: MessageFrame): void
  /** The link that stands now; another one, or none, means the end of the frames at hand. */
  readonly link: object | null
}

/** What the frames of a connection mean: sessions, subscriptions, duplicates, gaps; the rest is delivered. @internal */
export class Stream {
  readonly cursor = new Cursor()
  readonly channels: Channels
  readonly inbox = new Inbox()
  private resyncedTo = -1

  constructor(
    private readonly connection: StreamConnection,
    channels: readonly string[] | undefined,
  ) {
    this.channels = new Channels(channels)
  }

  /** Takes one WebSocket message apart. */
  receive(raw: unknown): void {
    const { link } = this.connection
    for (const frame of this.inbox.read(raw)) {
      // A handler may have ended the connection in the middle of a batch.
      if (link !== this.connection.link) return
      this.frame(frame)
    }
  }

  /** A connection without a session is usable; again: another one was before it. */
  plainReady(again: boolean): void {
    this.renew(undefined)
    if (again) this.resync('reconnected')
  }

  /** The link is gone. */
  connectionLost(): void {
    this.channels.connectionLost()
    this.resyncedTo = -1
  }

  /** Asks for a channel; false: it did not go out. */
  subscribe(channel: string): boolean {
    const sent = this.connection.sendFrame({ type: MessageType.SUBSCRIBE, data: { channel } })
    if (sent) this.channels.sent(channel)
    return sent
  }

  /** Takes a channel back; false: it did not go out. */
  unsubscribe(channel: string): boolean {
    return this.connection.sendFrame({ type: MessageType.UNSUBSCRIBE, data: { channel } })
  }

  private frame(frame: ServerFrame): void {
    switch (frame.type) {
      case 'session':
        return this.session(frame)
      case 'resync':
        return this.skipped(frame.data)
      case 'reconnect':
        return this.connection.advised(frame.data.after_ms)
      case 'snapshot':
        return tell(this.connection.settings, 'onSnapshot', frame.data)
      case 'auth':
        if (frame.data.status === 'expiring') this.connection.tokenExpiring()
        return
      case MessageType.PING:
        this.connection.sendFrame({ type: MessageType.PONG, timestamp: frame.timestamp })
        break
      case MessageType.PONG:
        this.head(frame.data?.seq)
        break
      case MessageType.SUBSCRIBE:
        if (frame.data?.channel !== undefined) {
          this.channels.confirmed(frame.data.channel, frame.data.seq ?? frame.seq ?? this.cursor.seq)
        }
    }
    if (!isMessage(frame)) return
    this.connection.answered(frame)
    if (!this.isDuplicate(frame)) deliver(frame, this.connection.settings)
  }

  private session({ data }: Extract<ServerFrame, { type: 'session' }>): void {
    const goesOn = this.cursor.point !== undefined || this.connection.isAgain
    this.cursor.start(data)
    this.channels.start(data.channels, this.cursor.seq)
    if (!this.connection.sessionStarted(data.resumed)) return
    this.renew(data.channels)
    if (!goesOn || data.resumed) return
    // The resync frames that follow, one for each channel, say the same.
    this.resyncedTo = data.seq
    this.resync('not_resumed')
  }

  private skipped({ channel, seq }: { channel?: string; seq: number }): void {
    this.cursor.seq = seq
    this.channels.skipTo(seq, channel)
    if (seq <= this.resyncedTo) return
    this.resyncedTo = seq
    this.resync('resync')
  }

  private head(seq: unknown): void {
    const seesAll = this.channels.states.some(({ channel }) => channel === 'events')
    if (seesAll && typeof seq === 'number' && this.cursor.isBehind(seq)) this.resync('behind')
  }

  private isDuplicate(frame: MessageFrame): boolean {
    const isChange = frame.type.startsWith('event_')
    if (!isChange || !this.connection.greeted || frame.seq === undefined) return false
    const { cursor, channels, inbox } = this
    if (channels.isOld(frame.channel ?? '', frame.seq, cursor.seq)) {
      inbox.stats.duplicates++
      return true
    }
    cursor.seq = Math.max(cursor.seq, frame.seq)
    return false
  }

  private renew(have: readonly string[] | undefined): void {
    const [subscribe, unsubscribe] = this.channels.missing(have)
    for (const channel of subscribe) this.subscribe(channel)
    for (const channel of unsubscribe) this.unsubscribe(channel)
  }

  private resync(reason: ResyncReason): void {
    tell(this.connection.settings, 'onResync', reason)
  }
}
