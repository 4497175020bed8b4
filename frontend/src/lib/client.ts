import type { SubscribeOutcome } from './channels'
import { CloseCode } from './closeCodes'
import { browserEnv } from './env'
import { NO_WEBSOCKET } from './errors'
import type { ClientEnv, PageSignal } from './env'
import { tell } from './handlers'
import type { MessageFrame } from './handlers'
import { MessageType, WebSocketState } from './messages'
import type { OutgoingMessage, WebSocketMessage } from './messages'
import { withDefaults } from './options'
import type { Credential, SocketOptions } from './options'
import { Outbox } from './outbox'
import type { Delivery } from './outbox'
import { loadResumePoint, saveResumePoint } from './persistence'
import type { SessionStore } from './persistence'
import { QualityMeter } from './quality'
import { Runner } from './runner'
import type { RunnerOwner } from './runner'
import type { SendResult, SocketClient } from './socket'
import type { ConnectionError } from './store'
import { Stream } from './stream'
import { connectionUrl } from './url'
import type { Attempt } from './url'

/** Whether a credential is a key of an API/er server, which nobody else gives out: such a server speaks v1. */
const isOwnKey = (credential: Credential) => typeof credential === 'string' && credential.startsWith('apier_')

/** Joins the parts of a SocketClient: what the runner tells goes to stream, outbox, meter and handlers. */
export class Client implements SocketClient, RunnerOwner {
  readonly quality = new QualityMeter()
  readonly store
  private readonly env: ClientEnv
  private readonly runner: Runner
  private readonly stream: Stream
  private readonly outbox = new Outbox(() => this.runner.settings.outbox)
  private lastId = 0
  private isRestored = false

  constructor(
    options: SocketOptions,
    env: Partial<ClientEnv> = {},
    startsAs: WebSocketState = WebSocketState.DISCONNECTED,
  ) {
    this.env = { ...browserEnv(), ...env }
    this.runner = new Runner(this.env, withDefaults(options), this, startsAs)
    this.stream = new Stream(this.runner, (frame) => this.answered(frame))
    this.store = this.runner.store
  }

  get stats() {
    return { ...this.stream.stats }
  }

  get channels() {
    return this.stream.channels.states
  }

  update(options: SocketOptions): void {
    const { runner } = this
    const { url, channels, dialect, token } = runner.settings
    runner.settings = { ...withDefaults(options), url, channels, dialect, token }
    this.setToken(options.token)
  }

  connect(): void {
    this.want('connect')
  }

  reconnect(): void {
    this.want('reconnect')
  }

  disconnect(): void {
    this.stream.cursor.forget()
    // One that never connected leaves alone what another page load kept.
    if (this.isRestored) this.persist()
    this.outbox.clear()
    this.runner.run({ type: 'disconnect' })
  }

  setToken(token: string | null | undefined): void {
    const { runner } = this
    if (token === runner.settings.token) return
    runner.settings.token = token
    if (!token) return
    runner.run({ type: 'token' })
    const renewal = runner.link?.renewal
    if (!renewal?.isWanted) return
    renewal.at = this.env.now()
    runner.arm()
  }

  send(message: OutgoingMessage, settle?: (delivery: Delivery) => void): SendResult {
    if (!settle && this.runner.send(message)) return 'sent'
    if (!this.runner.machine.wanted || !this.outbox.add(message, this.env.now(), settle)) return false
    const isSent = this.flush()
    this.runner.arm()
    return isSent ? 'sent' : 'queued'
  }

  sendWithAck(message: OutgoingMessage): Promise<Delivery> {
    const id = message.id ?? `c${++this.lastId}`
    return new Promise((resolve) => {
      if (!this.send({ ...message, id }, resolve)) resolve('dropped')
    })
  }

  subscribe(channel: string): Promise<SubscribeOutcome> {
    return new Promise((resolve) => {
      this.stream.channels.add(channel, resolve)
      this.stream.syncSoon()
    })
  }

  unsubscribe(channel: string): boolean {
    this.stream.channels.remove(channel)
    this.stream.syncSoon()
    this.runner.show()
    return this.runner.machine.link === 'ready'
  }

  wake(): void {
    this.runner.run({ type: 'wake' })
  }

  // ---- what the runner and the stream ask and tell ----

  address(credential: Credential): Attempt {
    const { url = '', dialect, tokenIn } = this.runner.settings
    const { stream } = this
    const resume = stream.cursor.point
    const v1 = dialect !== 'plain'
    const greets = v1 && (dialect === 'v1' || this.runner.machine.greets)
    const attempt = connectionUrl(url, this.env.baseUrl, {
      credential,
      tokenIn: tokenIn ?? (greets || (v1 && isOwnKey(credential)) ? 'protocol' : 'url'),
      v1,
      knowsV1: greets || (v1 && resume !== undefined),
      channels: stream.channels.forUrl(v1 && resume !== undefined),
      resume,
    })
    stream.dialled = attempt.channels
    return attempt
  }

  get error(): ConnectionError | null {
    return this.runner.machine.link === 'ready' ? this.stream.channels.error : null
  }

  ready(again: boolean): void {
    const { runner } = this
    const { link } = runner
    tell(runner.settings, 'onOpen')
    if (link !== runner.link) return
    if (!runner.machine.greeted) this.stream.plainReady(again)
    if (link === runner.link) this.flush()
  }

  received(raw: unknown): void {
    this.quality.heard(this.env.now())
    this.stream.receive(raw)
  }

  ping(): void {
    const now = this.env.now()
    this.quality.asked(now)
    this.runner.link?.send({ type: MessageType.PING, timestamp: new Date(now).toISOString() })
  }

  dropped(code: number): void {
    if (code === CloseCode.HEARTBEAT_TIMEOUT) this.quality.missed()
    this.quality.connectionLost()
    this.stream.connectionLost()
    this.outbox.connectionLost()
  }

  due(now: number): number {
    const at = this.outbox.expire(now)
    if (this.runner.machine.link !== 'ready') return at
    return Math.min(at, this.stream.due(now), this.runner.renew(now))
  }

  pageSignal(signal: PageSignal): void {
    if (signal === 'hidden' || signal === 'suspend' || signal === 'leave') this.persist()
    if (signal !== 'leave') this.runner.run({ type: signal })
  }

  private answered({ type, id }: Pick<MessageFrame | WebSocketMessage, 'type' | 'id'>): void {
    if (type === MessageType.PONG) this.quality.answered(this.env.now())
    if (id !== undefined) this.outbox.answered(id, type === MessageType.ERROR)
  }

  // ---- the rest ----

  private want(type: 'connect' | 'reconnect'): void {
    if (!this.runner.settings.url) return this.store.update({ state: WebSocketState.DISCONNECTED })
    if (!this.env.WebSocket) return this.runner.run({ type: 'badConfig', error: NO_WEBSOCKET })
    this.restore()
    this.runner.run({ type })
  }

  private flush(): boolean {
    return this.outbox.flush((message) => this.runner.send(message))
  }

  private get storageKey(): string {
    const { url, channels } = this.runner.settings
    return `apier ${JSON.stringify([url, channels])}`
  }

  private get storage(): SessionStore | undefined {
    return this.runner.settings.persist ? this.env.storage : undefined
  }

  private persist(): void {
    if (this.storage) saveResumePoint(this.storage, this.storageKey, this.stream.cursor.point)
  }

  private restore(): void {
    if (this.isRestored || !this.storage) return
    this.isRestored = true
    const point = loadResumePoint(this.storage, this.storageKey)
    if (!point) return
    this.stream.cursor.restore(point)
    // Only a server that greets gives sessions.
    this.runner.machine.greets = true
  }
}
