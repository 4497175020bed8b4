import { Channels } from './channels'
import { Cursor } from './cursor'
import { deliver, tell } from './handlers'
import type { MessageFrame, ResyncReason } from './handlers'
import { readFrames } from './inbox'
import type { InboxStats, SingleFrame } from './inbox'
import { MessageType } from './messages'
import type { SessionData } from './protocol'
import type { Runner } from './runner'

/** The types of frames that tell of a change, and stand at a position of the change log. */
const CHANGE = /^(event|delivery|endpoint|recovery|webhook)_/

/** What the frames of a connection mean: sessions, subscriptions, duplicates, gaps; the rest is delivered. @internal */
export class Stream {
  readonly cursor = new Cursor()
  readonly channels: Channels
  readonly stats: InboxStats = { unknown: 0, refused: 0, duplicates: 0 }
  private resyncedTo = -1

  /** answered is told of each frame that an application's message may wait for. */
  constructor(
    private readonly runner: Runner,
    private readonly answered: (frame: MessageFrame) => void,
  ) {
    this.channels = new Channels(runner.settings.channels)
  }

  /** Takes one WebSocket message apart. */
  receive(raw: unknown): void {
    const { runner } = this
    const { link } = runner
    for (const frame of readFrames(raw, this.stats)) {
      // A handler may have ended the connection in the middle of a batch.
      if (link !== runner.link) return
      this.frame(frame)
    }
  }

  /** A connection without a session is usable; again: another one was before it. */
  plainReady(again: boolean): void {
    this.channels.start(undefined, 0)
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
    const sent = this.runner.send({ type: MessageType.SUBSCRIBE, data: { channel } })
    if (sent) this.channels.sent(channel)
    return sent
  }

  /** Takes a channel back; false: it did not go out. */
  unsubscribe(channel: string): boolean {
    return this.runner.send({ type: MessageType.UNSUBSCRIBE, data: { channel } })
  }

  private frame(frame: SingleFrame): void {
    const { runner } = this
    switch (frame.type) {
      case 'session':
        return this.session(frame.data)
      case 'resync':
        return this.skipped(frame.data)
      case 'reconnect':
        return runner.run({ type: 'advice', ms: frame.data.after_ms })
      case 'snapshot':
        return tell(runner.settings, 'onSnapshot', frame.data)
      case 'auth':
        if (frame.data.status === 'expiring') runner.renewToken()
        return
      case MessageType.PING:
        runner.send({ type: MessageType.PONG, timestamp: frame.timestamp })
        break
      case MessageType.PONG:
        this.head(frame.data?.seq)
        break
      case MessageType.SUBSCRIBE:
        this.channels.confirmed(frame.data?.channel, frame.data?.seq ?? frame.seq ?? this.cursor.seq)
        break
      case MessageType.UNSUBSCRIBE:
        this.channels.ended(frame.data?.channel)
    }
    this.answered(frame)
    if (!this.isDuplicate(frame)) deliver(frame, runner.settings)
  }

  private session(data: SessionData): void {
    const { runner, cursor } = this
    const { link, machine } = runner
    const goesOn = cursor.point !== undefined || (machine.wasReady && machine.link !== 'ready')
    cursor.start(data)
    this.channels.start(data.channels, cursor.seq)
    runner.run({ type: 'session', resumed: data.resumed })
    if (link !== runner.link) return
    this.renew(data.channels)
    if (!goesOn || data.resumed) return
    // The resync frames that follow, one for each channel, say the same.
    this.resyncedTo = data.seq
    this.resync('not_resumed')
  }

  private skipped({ channel, seq }: { channel?: string; seq: number }): void {
    this.cursor.skipTo(seq)
    this.channels.skipTo(seq, channel)
    if (seq <= this.resyncedTo) return
    this.resyncedTo = seq
    this.resync('resync')
  }

  private head(seq: unknown): void {
    if (this.channels.isLive('events') && typeof seq === 'number' && this.cursor.isBehind(seq))
      this.resync('behind')
  }

  private isDuplicate({ type, channel = '', seq }: MessageFrame): boolean {
    const { cursor, channels, runner, stats } = this
    if (!CHANGE.test(type) || !runner.machine.greeted || seq === undefined) return false
    const isOld = channels.isOld(channel, seq, cursor.seq)
    if (isOld) stats.duplicates++
    else cursor.reach(seq, type.startsWith('event_'))
    return isOld
  }

  private renew(have: readonly string[] | undefined): void {
    const [subscribe, unsubscribe] = this.channels.missing(have)
    for (const channel of subscribe) this.subscribe(channel)
    for (const channel of unsubscribe) this.unsubscribe(channel)
  }

  private resync(reason: ResyncReason): void {
    tell(this.runner.settings, 'onResync', reason)
  }
}
