import { Channels, isTemporary } from './channels'
import type { Refusal } from './channels'
import { Cursor } from './cursor'
import { isNumber, isRecord, isTexts } from './guards'
import { deliver, deliverMessage, tell } from './handlers'
import type { MessageFrame, ResyncReason } from './handlers'
import { readFrames } from './inbox'
import type { InboxStats, SingleFrame } from './inbox'
import { MessageType } from './messages'
import type { WebSocketMessage } from './messages'
import type { SessionData } from './protocol'
import type { Runner } from './runner'

/** The types of frames that tell of a change, and stand at a position of the change log. */
const CHANGE = /^(event|delivery|endpoint|recovery|webhook)_/

/** The frames that steer the connection, which no handler but onMessage is told. */
const STEERING: ReadonlySet<string> = new Set(['session', 'snapshot', 'resync', 'auth', 'reconnect'])

/** How long a server that greets may take to, once the connection is open; milliseconds. */
const GREETING_MS = 100

/** What the frames of a connection mean: sessions, subscriptions, duplicates, gaps; the rest is delivered. @internal */
export class Stream {
  readonly cursor = new Cursor()
  readonly channels: Channels
  readonly stats: InboxStats = { unknown: 0, refused: 0, duplicates: 0 }
  /** The channels of the address of this attempt. */
  dialled: readonly string[] | undefined
  private resyncedTo = -1
  private isSyncing = false

  /** answered is told of each frame that an application's message may wait for. */
  constructor(
    private readonly runner: Runner,
    private readonly answered: (frame: Pick<WebSocketMessage, 'type' | 'id'>) => void,
  ) {
    this.channels = new Channels(runner.settings.channels)
  }

  /** Takes one WebSocket message apart. */
  receive(raw: unknown): void {
    const { runner } = this
    const { link } = runner
    for (const { known, custom } of readFrames(raw, this.stats)) {
      // A handler may have ended the connection in the middle of a batch.
      if (link !== runner.link) return
      if (custom) this.custom(custom)
      if (known) this.frame(known)
    }
  }

  /** A connection without a session is usable; again: another one was before it. */
  plainReady(again: boolean): void {
    const { channels, runner } = this
    channels.start(undefined, 0, this.dialled)
    // A server that greets does so right behind the upgrade, and takes many channels in one frame.
    if (runner.settings.dialect === 'auto' && channels.missing > 1) {
      channels.retryAt = runner.env.now() + GREETING_MS
    } else this.sync()
    runner.arm()
    if (again) this.resync('reconnected')
  }

  /** The link is gone. */
  connectionLost(): void {
    this.channels.connectionLost()
    this.resyncedTo = -1
  }

  /** Has the difference between what is wanted and what is confirmed sent, once for all calls of this tick. */
  syncSoon(): void {
    if (this.isSyncing || this.runner.machine.link !== 'ready') return
    this.isSyncing = true
    queueMicrotask(() => {
      this.isSyncing = false
      this.sync()
      this.runner.arm()
    })
  }

  /** Sends what is due to be asked for again; returns when there is more, milliseconds since the epoch. */
  due(now: number): number {
    const { channels } = this
    if (channels.retryAt > 0 && channels.retryAt <= now) this.sync()
    return channels.retryAt || Infinity
  }

  private sync(): void {
    const { runner, channels } = this
    if (runner.machine.link !== 'ready') return
    const refused = channels.sync(runner.env.now(), !runner.machine.greeted, (type, names, isAlone) => {
      const data = names.length === 1 ? { channel: names[0] } : { channels: names }
      // In v1 an error names the channels; elsewhere it can only echo an id, where it could be about several.
      const id = runner.machine.greeted || isAlone ? '' : runner.nextId()
      return runner.send(id ? { type, data, id } : { type, data }) ? id : undefined
    })
    this.tellRefused(refused)
  }

  private tellRefused(refused: Refusal[]): void {
    this.runner.show()
    for (const refusal of refused) tell(this.runner.settings, 'onRefused', refusal)
  }

  private custom(frame: WebSocketMessage): void {
    this.answered(frame)
    deliverMessage(frame, this.runner.settings)
  }

  private frame(frame: SingleFrame): void {
    const { runner } = this
    if (STEERING.has(frame.type)) deliverMessage(frame, runner.settings)
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
        return this.auth(frame)
      case MessageType.PING:
        runner.send({ type: MessageType.PONG, timestamp: frame.timestamp })
        break
      case MessageType.PONG:
        this.head(frame.data?.seq)
        break
      case MessageType.SUBSCRIBE:
        this.channels.confirmed(frame.data?.channel, frame.data?.seq ?? frame.seq ?? this.cursor.seq)
        this.changed()
        break
      case MessageType.UNSUBSCRIBE:
        this.channels.ended(frame.data?.channel)
        this.changed()
        break
      case MessageType.ERROR:
        this.refused(frame)
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
    this.sync()
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

  private changed(): void {
    this.runner.show()
    this.syncSoon()
  }

  private auth({ timestamp, data }: Extract<SingleFrame, { type: 'auth' }>): void {
    const { runner } = this
    if (data.status === 'expiring') runner.link?.renewal.warned(runner.env.now(), { timestamp, data })
    else {
      runner.renewed()
      this.channels.forgive('forbidden')
      this.changed()
    }
    runner.arm()
  }

  /** An error is about a request for channels, about a token that was offered, or about a message of the application. */
  private refused({ id, code, error = '', channel, data }: MessageFrame): void {
    const { runner, channels } = this
    const about = (isRecord(data) ? data : {}) as {
      request?: unknown
      channels?: unknown
      retry_after_ms?: unknown
    }
    const names = isTexts(about.channels)
      ? (about.channels as string[])
      : channel === undefined
        ? []
        : [channel]
    const isControl = !about.request || about.request === 'subscribe' || about.request === 'unsubscribe'
    const retryAfter = isNumber(about.retry_after_ms) ? about.retry_after_ms : undefined
    const renewal = runner.link?.renewal
    const isAuth = about.request === 'auth' || (!id && isControl && isTemporary(code))
    if (names.length === 0 && renewal?.offered && isAuth) runner.renewalRefused(code, retryAfter)
    if (names.length === 0 && !isControl) return
    const refused = { names, id, code, message: error, retryAfter }
    this.tellRefused(channels.refuse(refused, runner.env.now()))
    this.syncSoon()
    runner.arm()
  }

  private resync(reason: ResyncReason): void {
    tell(this.runner.settings, 'onResync', reason)
  }
}
