import { backoffDelay } from './backoff'
import { CloseCode, decideClose } from './closeCodes'
import type { CloseDecision } from './closeCodes'
import { browserEnv } from './env'
import type { ClientEnv, PageSignal, Timer } from './env'
import { closeError, errors, exhaustedError } from './errors'
import { callSafely, deliver, isMessage } from './handlers'
import type { MessageFrame, ResyncReason } from './handlers'
import { Inbox } from './inbox'
import type { InboxStats } from './inbox'
import { Link } from './link'
import type { LinkOwner } from './link'
import { withDefaults } from './options'
import type { Settings, SocketOptions, TokenReason } from './options'
import { MessageType, WebSocketState } from './protocol'
import type { OutgoingMessage, ServerFrame } from './protocol'
import { ResumePoint } from './resume'
import { ConnectionStore } from './store'
import type { ConnectionError, ConnectionSnapshot } from './store'
import { Subscriptions } from './subscriptions'
import { connectionUrl } from './url'

/** A connection counts as good, and the attempts start from 0 again, after this long; milliseconds. */
const STABLE_AFTER = 5000
/** Between two attempts that no backoff keeps apart; milliseconds. */
const IMMEDIATE_GAP = 1000

const RETRY: CloseDecision = { retry: true, refreshToken: false }

/** Why no attempt is made although a connection is wanted. */
type Halt = 'error' | 'exhausted' | 'stopped'

/**
 * One live connection that looks after itself: dials, watches, reconnects, resumes. What the application
 * wants (`wanted`) is kept apart from how things stand (the store): page signals act only on the former.
 * Makes no socket, timer or listener before connect(), and leaves none after disconnect().
 */
export class SocketClient {
  /** The connection's state, to read and to listen to. */
  readonly store: ConnectionStore
  private settings: Settings
  private wanted = false
  private halted: Halt | null = null
  private link: Link | null = null
  private retryTimer: Timer | undefined
  private attempt = 0
  private lastDialAt = -Infinity
  private advisedUntil = 0
  private tokenRefused = false
  private serverSpeaksV1 = false
  private wasReady = false
  private stopListening: (() => void) | undefined
  private readonly inbox = new Inbox()
  private readonly resume = new ResumePoint()
  private readonly subscriptions: Subscriptions
  private readonly owner: LinkOwner

  /** startsAs is the state shown before the first connect(), for a page that is about to call it. */
  constructor(
    options: SocketOptions,
    private readonly env: ClientEnv = browserEnv(),
    startsAs = WebSocketState.DISCONNECTED,
  ) {
    this.settings = withDefaults(options)
    this.store = new ConnectionStore(startsAs)
    this.subscriptions = new Subscriptions(options.channels)
    this.owner = {
      opened: (link) => this.opened(link),
      received: (link, raw) => this.received(link, raw),
      failed: (link, event) => this.failed(link, event),
      closed: (link, code, reason) => this.closed(link, code, reason),
      heartbeatExpired: (link) => this.lost(link, errors.heartbeat, RETRY, CloseCode.HEARTBEAT_TIMEOUT),
    }
  }

  /** What came in and was not handed on, counted since the client was made. */
  get stats(): Readonly<InboxStats> {
    return { ...this.inbox.stats }
  }

  /** Takes new handlers, times and token on at once; url, channels and dialect stay as they were. */
  update(options: SocketOptions): void {
    const { url, channels, dialect, token } = this.settings
    this.settings = { ...withDefaults(options), url, channels, dialect, token }
    this.setToken(options.token)
  }

  /** Wants a connection; does nothing when one is already wanted and under way. Without a URL: disconnected. */
  connect(): void {
    if (this.wanted && !this.halted) return
    if (!this.want()) return
    this.startSeries(0)
  }

  /** Drops what there is and dials, with a fresh series of attempts; legal in every state. */
  reconnect(): void {
    // A second click within the second would only undo the first.
    if (this.link && !this.link.ready && this.env.now() - this.link.startedAt < IMMEDIATE_GAP) return
    if (!this.want()) return
    const wasOpen = this.drop(CloseCode.REPLACED)
    this.advisedUntil = 0
    this.startSeries(IMMEDIATE_GAP)
    if (wasOpen) this.call('onClose')
  }

  /** Wants no connection: nothing but connect() and reconnect() brings one back. */
  disconnect(): void {
    this.wanted = false
    this.halted = null
    this.stopListening?.()
    this.stopListening = undefined
    const wasOpen = this.drop(CloseCode.NORMAL)
    this.resume.forget()
    this.attempt = 0
    this.advisedUntil = 0
    this.show(WebSocketState.DISCONNECTED, { lastError: null, resumed: null })
    if (wasOpen) this.call('onClose')
  }

  /** Sends a message; false: there is no connection and it did not go out. */
  send(message: OutgoingMessage): boolean {
    return this.link?.ready === true && this.link.send(message)
  }

  /** Subscribes to a channel, now and after each reconnect; returns whether the request went out already. */
  subscribe(channel: string): boolean {
    this.subscriptions.add(channel)
    return this.sendSubscribe(channel)
  }

  /** Leaves a channel for good; returns whether the request went out already. */
  unsubscribe(channel: string): boolean {
    this.subscriptions.remove(channel)
    return this.sendUnsubscribe(channel)
  }

  /** Sets the token for the next attempt. A live connection stays; one that had stopped is tried again. */
  setToken(token: string | null | undefined): void {
    if (token === this.settings.token) return
    this.settings.token = token
    if (!token) return
    if (this.halted === 'error' || this.halted === 'exhausted') this.startSeries(IMMEDIATE_GAP)
    else if (this.link?.tokenExpiring) this.renewToken(this.link)
  }

  // ---- attempts ----

  private want(): boolean {
    if (!this.settings.url || !this.env.WebSocket) {
      this.store.update({ state: WebSocketState.DISCONNECTED })
      return false
    }
    this.wanted = true
    this.stopListening ??= this.env.page?.listen((signal) => this.pageSignal(signal))
    return true
  }

  private startSeries(gap: number): void {
    const { state } = this.store.getSnapshot()
    const goesOn = state === WebSocketState.CONNECTED || state === WebSocketState.RECONNECTING
    this.halted = null
    this.attempt = 0
    this.tokenRefused = false
    this.show(goesOn ? WebSocketState.RECONNECTING : WebSocketState.CONNECTING)
    this.dialSoon(gap, goesOn ? 'reconnect' : 'connect')
  }

  private dialSoon(gap: number, reason: TokenReason): void {
    const now = this.env.now()
    const wait = Math.max(this.lastDialAt + gap, this.advisedUntil) - now
    // With the clock set back, the last dial may lie in the future; that must not hold the next one up.
    if (wait > 0) this.dialAfter(Math.min(wait, Math.max(gap, this.advisedUntil - now)), reason)
    else this.dial(reason)
  }

  private dialAfter(delay: number, reason: TokenReason, more: Partial<ConnectionSnapshot> = {}): void {
    this.clearRetry()
    this.retryTimer = this.env.setTimeout(() => this.dial(reason), delay)
    this.store.update({ ...more, reconnectDelay: delay, nextRetryAt: this.env.now() + delay })
  }

  private dial(reason: TokenReason): void {
    this.clearRetry()
    this.advisedUntil = 0
    this.lastDialAt = this.env.now()
    const link = new Link(this.env, this.owner, () => this.settings)
    this.link = link
    link.after('connect', this.settings.connectTimeout, () => this.connectTimedOut(link))
    this.store.update({ nextRetryAt: null })
    if (!this.settings.getToken) return this.open(link, this.settings.token)
    this.askToken(reason).then(
      (token) => {
        if (link === this.link) this.open(link, token)
      },
      () => this.lost(link, errors.noToken, RETRY),
    )
  }

  private async askToken(reason: TokenReason): Promise<string | null | undefined> {
    return this.settings.getToken?.({ reason })
  }

  private open(link: Link, token: string | null | undefined): void {
    link.token = token
    try {
      if (!this.env.WebSocket) throw new TypeError('no WebSocket')
      link.open(this.address(token), this.env.WebSocket)
    } catch {
      // The browser's words would show the address, and with it the token.
      this.drop(CloseCode.NORMAL)
      this.halt('error', errors.badUrl)
    }
  }

  private address(token: string | null | undefined): string {
    return connectionUrl(this.settings.url ?? '', this.env.baseUrl, {
      token,
      v1: this.settings.dialect === 'auto',
      channels: this.subscriptions.forUrl(),
      resume: this.resume.forUrl,
    })
  }

  private connectTimedOut(link: Link): void {
    // Open, but without the session frame this server used to send: it may have been replaced by a plain one.
    if (link.isOpen) this.serverSpeaksV1 = false
    this.lost(link, errors.connectTimeout, RETRY, CloseCode.CONNECT_TIMEOUT)
  }

  // ---- what happens on a link ----

  private opened(link: Link): void {
    if (link === this.link && !this.serverSpeaksV1) this.ready(link)
  }

  private failed(link: Link, event: Event): void {
    if (link !== this.link) return
    const { onError } = this.settings
    callSafely('onError', () => onError?.(event))
  }

  private closed(link: Link, code: number, reason: string): void {
    const decision = decideClose(code, reason)
    this.lost(link, closeError(code, decision), decision)
  }

  private ready(link: Link): void {
    link.ready = true
    link.cancel('connect')
    link.after('stable', STABLE_AFTER, () => this.stable())
    if (!this.env.page?.isHidden()) link.heartbeat.start()
    const again = this.wasReady
    this.wasReady = true
    this.store.update({ state: WebSocketState.CONNECTED, lastError: null, reconnectDelay: 0 })
    if (!link.hasSession) this.store.update({ resumed: null })
    this.call('onOpen')
    if (link !== this.link || link.hasSession) return
    this.renewSubscriptions(undefined)
    if (again) this.resync('reconnected')
  }

  private stable(): void {
    this.attempt = 0
    this.tokenRefused = false
    this.store.update({ reconnectAttempt: 0 })
  }

  private received(link: Link, raw: unknown): void {
    for (const frame of this.inbox.read(raw)) {
      // A handler may have ended the connection in the middle of a batch.
      if (link !== this.link) return
      this.receive(link, frame)
    }
  }

  private receive(link: Link, frame: ServerFrame): void {
    switch (frame.type) {
      case 'session':
        return this.sessionStarted(link, frame)
      case 'resync':
        return this.stateSkipped(link, frame.data.seq)
      case 'reconnect':
        link.adviceMs = frame.data.after_ms
        return
      case 'auth':
        if (frame.data.status === 'expiring') this.renewToken(link)
        return
      case 'batch':
        return
      case MessageType.PING:
        link.send({ type: MessageType.PONG, timestamp: new Date(this.env.now()).toISOString() })
        break
      case MessageType.SUBSCRIBE:
        this.subscriptions.confirmed(frame.data?.channel)
        break
    }
    if (isMessage(frame) && !this.isDuplicate(link, frame)) deliver(frame, this.settings)
  }

  private sessionStarted(link: Link, { data }: Extract<ServerFrame, { type: 'session' }>): void {
    const again = this.wasReady && !link.ready
    link.hasSession = true
    this.serverSpeaksV1 = true
    this.tokenRefused = false
    this.resume.start(data)
    this.store.update({ resumed: data.resumed })
    if (!link.ready) this.ready(link)
    if (link !== this.link) return
    this.subscriptions.adopt(data.channels)
    this.renewSubscriptions(data.channels)
    if (!again || data.resumed) return
    // The resync frames that follow, one for each channel, say the same.
    link.resyncedTo = data.seq
    this.resync('not_resumed')
  }

  private stateSkipped(link: Link, seq: number): void {
    this.resume.jump(seq)
    if (seq <= link.resyncedTo) return
    link.resyncedTo = seq
    this.resync('resync')
  }

  private renewSubscriptions(have: readonly string[] | undefined): void {
    for (const channel of this.subscriptions.toSubscribe(have)) this.sendSubscribe(channel)
    for (const channel of this.subscriptions.toUnsubscribe(have)) this.sendUnsubscribe(channel)
  }

  private isDuplicate(link: Link, frame: MessageFrame): boolean {
    const isChange =
      frame.type === MessageType.EVENT_CREATED ||
      frame.type === MessageType.EVENT_UPDATE ||
      frame.type === MessageType.EVENT_DELETED
    if (!isChange || !link.hasSession || frame.seq === undefined) return false
    if (this.resume.isOld(frame.seq) && !this.subscriptions.isStarting) {
      this.inbox.stats.duplicates++
      return true
    }
    this.resume.advance(frame.seq)
    return false
  }

  private renewToken(link: Link): void {
    link.tokenExpiring = true
    const { getToken, token } = this.settings
    const renewed = getToken ? this.askToken('expiring') : Promise.resolve(token)
    renewed.then(
      (next) => {
        if (link !== this.link || !next || next === link.token) return
        link.token = next
        link.tokenExpiring = !link.send({ type: 'auth', data: { token: next } })
      },
      // Nothing is lost yet: at expiry the server closes with 4401 and the token is asked for again.
      () => undefined,
    )
  }

  private sendSubscribe(channel: string): boolean {
    const sent = this.send({ type: MessageType.SUBSCRIBE, data: { channel } })
    if (sent) this.subscriptions.sent(channel)
    return sent
  }

  private sendUnsubscribe(channel: string): boolean {
    return this.send({ type: MessageType.UNSUBSCRIBE, data: { channel } })
  }

  // ---- loss ----

  private lost(link: Link, error: ConnectionError, decision: CloseDecision, code?: number): void {
    if (link !== this.link) return
    const wasOpen = this.drop(code ?? CloseCode.NORMAL)
    if (decision.refreshToken) this.retryWithNewToken(link, error)
    else if (!decision.retry) this.halt('error', error)
    else this.retry(error, decision.retryAfterMs ?? link.adviceMs)
    if (wasOpen) this.call('onClose')
  }

  private retryWithNewToken(link: Link, error: ConnectionError): void {
    const { getToken, token, reconnect } = this.settings
    const hasNew = getToken !== undefined || token !== link.token
    if (this.tokenRefused || !hasNew || !reconnect) return this.halt('error', error)
    this.tokenRefused = true
    this.show(WebSocketState.RECONNECTING, { lastError: error })
    this.dialSoon(IMMEDIATE_GAP, 'unauthorized')
  }

  private retry(error: ConnectionError, adviceMs: number | undefined): void {
    const { reconnect, maxReconnectAttempts } = this.settings
    if (!reconnect) return this.halt('stopped', error)
    if (this.attempt >= maxReconnectAttempts) {
      return this.halt('exhausted', exhaustedError(this.attempt, error))
    }
    const delay = adviceMs ?? backoffDelay(this.attempt, this.settings, () => this.env.random())
    this.attempt++
    const state = WebSocketState.RECONNECTING
    this.dialAfter(delay, 'reconnect', { state, reconnectAttempt: this.attempt, lastError: error })
    if (adviceMs !== undefined) this.advisedUntil = this.env.now() + adviceMs
  }

  private halt(why: Halt, error: ConnectionError): void {
    this.halted = why
    this.show(why === 'error' ? WebSocketState.ERROR : WebSocketState.DISCONNECTED, { lastError: error })
  }

  /** Lets go of link and timer; returns whether onOpen has been told of the link. */
  private drop(code: number): boolean {
    this.clearRetry()
    this.subscriptions.connectionLost()
    const link = this.link
    this.link = null
    link?.abandon(code)
    return link?.ready === true
  }

  // ---- the page ----

  private pageSignal(signal: PageSignal): void {
    switch (signal) {
      case 'hidden':
        return this.link?.heartbeat.stop()
      case 'offline':
        // Offline does not mean dead: a socket may outlive a change of network.
        if (this.link?.ready) this.link.heartbeat.probe()
        return
      case 'suspend':
        return this.suspend()
      case 'wake':
        return this.wake()
    }
  }

  /** The page goes into the back/forward cache, where a socket cannot live; pageshow wakes it. */
  private suspend(): void {
    if (this.halted) return
    const wasOpen = this.drop(CloseCode.NORMAL)
    this.show(WebSocketState.RECONNECTING)
    if (wasOpen) this.call('onClose')
  }

  private wake(): void {
    if (!this.wanted || this.halted === 'error' || this.halted === 'stopped') return
    const link = this.link
    if (link?.ready) {
      if (!this.env.page?.isHidden()) link.heartbeat.start()
      return
    }
    if (link && this.env.now() - link.startedAt <= this.settings.connectTimeout) return
    this.drop(CloseCode.CONNECT_TIMEOUT)
    this.startSeries(IMMEDIATE_GAP)
  }

  // ---- telling ----

  private show(
    state: WebSocketState,
    more: { lastError?: ConnectionError | null; resumed?: null } = {},
  ): void {
    const { attempt } = this
    this.store.update({ state, reconnectAttempt: attempt, reconnectDelay: 0, nextRetryAt: null, ...more })
  }

  private resync(reason: ResyncReason): void {
    const { onResync } = this.settings
    callSafely('onResync', () => onResync?.(reason))
  }

  private call(name: 'onOpen' | 'onClose'): void {
    const handler = this.settings[name]
    callSafely(name, () => handler?.())
  }

  private clearRetry(): void {
    if (this.retryTimer !== undefined) this.env.clearTimeout(this.retryTimer)
    this.retryTimer = undefined
  }
}
