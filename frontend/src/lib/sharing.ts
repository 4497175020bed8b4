import { DEFAULT_CHANNELS } from './channels'
import type { SubscribeOutcome } from './channels'
import { covers } from './coverage'
import type { ClientEnv } from './env'
import { deliver, tell } from './handlers'
import type { MessageFrame } from './handlers'
import { WebSocketState } from './messages'
import type { OutgoingMessage } from './messages'
import type { SocketOptions } from './options'
import { SocketClient } from './socket'
import { Store } from './store'

/** Options of one user of a connection. */
export interface SeatConfig extends SocketOptions {
  /**
   * Whose connection it is, as the id of the user: another scope is another connection. Without it, those
   * share that have the same token and the same getToken when they mount: another function may give the token of
   * another user. A token that changes later changes no connection.
   */
  authScope?: string | undefined
  /**
   * In place of what is taken from the browser: `{ WebSocket }`, `page`, `storage`, `baseUrl`. Has to stay the
   * same object; another one is another connection.
   */
  env?: Partial<ClientEnv> | undefined
}

/** One user of a connection: a component with the hook. @internal */
export class Seat {
  /** What it subscribes to, by configuration or by subscribe(). */
  readonly channels: Set<string>
  /** Those it has asked for before it entered, and who waits to hear of them. */
  readonly waiting: [channel: string, resolve: (outcome: SubscribeOutcome) => void][] = []
  private base: readonly string[]

  /** The connection's functions, the same ones whichever connection it is. */
  readonly actions = {
    send: (message: OutgoingMessage) => this.connection.client.send(message),
    sendWithAck: (message: OutgoingMessage) => this.connection.client.sendWithAck(message),
    connect: () => this.connection.client.connect(),
    disconnect: () => this.connection.client.disconnect(),
    reconnect: () => this.connection.client.reconnect(),
    subscribe: (channel: string) => this.connection.subscribe(this, channel),
    unsubscribe: (channel: string) => this.connection.unsubscribe(this, channel),
  }

  /** The connection it has, and the one it would have had alone. */
  readonly entered: Store<{ candidate: SharedConnection; connection: SharedConnection }>

  constructor(
    public config: SeatConfig,
    candidate: SharedConnection,
  ) {
    this.entered = new Store({ candidate, connection: candidate })
    this.base = config.channels ?? DEFAULT_CHANNELS
    this.channels = new Set(this.base)
  }

  private get connection(): SharedConnection {
    return this.entered.getSnapshot().connection
  }

  /** Sits down at a connection, or where others sit already; returns how to leave it. */
  enter(candidate: SharedConnection): () => void {
    const before = this.connection
    const connection = candidate.first
    this.entered.update({ candidate, connection })
    if (before !== connection) before.endIfEmpty()
    connection.enter(this)
    return () => connection.leave(this)
  }

  /** Takes on handlers and settings. */
  update(config: SeatConfig): void {
    this.config = config
    this.connection.refresh()
  }

  /** Has a new token. */
  setToken(token: string | null | undefined): void {
    this.connection.setToken(token)
  }

  /** Has other channels configured. */
  setChannels(channels: readonly string[] = DEFAULT_CHANNELS): void {
    const before = this.base
    this.base = channels
    for (const channel of before) if (!channels.includes(channel)) this.actions.unsubscribe(channel)
    for (const channel of channels) if (!before.includes(channel)) void this.actions.subscribe(channel)
  }
}

/** One connection and those who use it. The settings are those of the one who has been there longest. @internal */
export class SharedConnection {
  readonly client: SocketClient
  private readonly seats = new Set<Seat>()
  private token
  private isStarted = false

  /** Opens and keeps nothing before somebody enters. others: those it may be shared with; null: none. */
  constructor(
    private readonly config: SeatConfig,
    private readonly others: Set<SharedConnection> | null,
  ) {
    this.token = config.token
    // One that may be shared is about to be opened.
    const startsAs = others ? WebSocketState.CONNECTING : WebSocketState.DISCONNECTED
    this.client = new SocketClient(this.options(config), config.env, startsAs)
  }

  /** The connection to use in place of this one: the first of those that mean the same. */
  get first(): SharedConnection {
    return [...(this.others ?? [])].find((other) => other.isSame(this)) ?? this
  }

  /** Takes on settings and handlers of the one who has been here longest, and the latest token. */
  refresh(): void {
    const [oldest] = this.seats
    if (oldest) this.client.update(this.options(oldest.config))
  }

  /** A user has a new token. */
  setToken(token: string | null | undefined): void {
    this.token = token
    this.client.setToken(token)
  }

  /** A user comes; the first one opens the connection. */
  enter(seat: Seat): void {
    this.others?.add(this)
    this.seats.add(seat)
    this.refresh()
    // The first one may have left some of those that are configured, on the connection it had before.
    const before = this.isStarted ? [] : this.client.channels
    for (const { channel } of before) if (!seat.channels.has(channel)) this.client.unsubscribe(channel)
    for (const channel of seat.channels) void this.subscribe(seat, channel)
    for (const [channel, resolve] of seat.waiting.splice(0)) void this.subscribe(seat, channel).then(resolve)
    if (this.client.store.getSnapshot().state === WebSocketState.CONNECTED) tell(seat.config, 'onOpen')
    if (!this.isStarted && this.others) this.client.connect()
    this.isStarted = true
  }

  /**
   * A user goes, and with it what it alone wanted; with the last one the connection ends. Only a microtask later:
   * StrictMode, hot reloading and a change of page unmount and mount in one go, and keep the socket.
   */
  leave(seat: Seat): void {
    const channels = [...seat.channels]
    this.seats.delete(seat)
    queueMicrotask(() => {
      this.endIfEmpty()
      if (!this.isStarted) return
      for (const channel of channels) this.release(channel)
      this.refresh()
    })
  }

  /** Ends what nobody uses. */
  endIfEmpty(): void {
    if (this.seats.size > 0 || !this.isStarted) return
    this.isStarted = false
    this.others?.delete(this)
    this.client.disconnect()
  }

  /** Subscribes, unless somebody has already. */
  subscribe(seat: Seat, channel: string): Promise<SubscribeOutcome> {
    seat.channels.add(channel)
    if (!this.seats.has(seat)) return new Promise((resolve) => seat.waiting.push([channel, resolve]))
    const known = this.client.channels.find((each) => each.channel === channel)
    // What is live has told its state already: asked again, the server tells it again.
    const isTold = known?.isLive && !seat.config.onSnapshot
    return isTold ? Promise.resolve({ status: 'live' }) : this.client.subscribe(channel)
  }

  /** Unsubscribes, unless somebody else wants it still; returns whether there is a connection for it to go out on. */
  unsubscribe(seat: Seat, channel: string): boolean {
    seat.channels.delete(channel)
    return this.seats.has(seat) && this.release(channel)
  }

  private release(channel: string): boolean {
    return ![...this.seats].some((seat) => seat.channels.has(channel)) && this.client.unsubscribe(channel)
  }

  private isSame({ config, token }: SharedConnection): boolean {
    const keys = ['url', 'dialect', 'tokenIn', 'authScope', 'env'] as const
    // Without a scope, what is known of whose connection it is are the token and where tokens come from.
    const isSameUser =
      !!config.authScope || (token === this.token && config.getToken === this.config.getToken)
    return isSameUser && keys.every((key) => config[key] === this.config[key])
  }

  private options(config: SeatConfig): SocketOptions {
    const each = (run: (seat: Seat) => void) => [...this.seats].forEach(run)
    return {
      ...config,
      token: this.token,
      onOpen: () => each((seat) => tell(seat.config, 'onOpen')),
      onClose: () => each((seat) => tell(seat.config, 'onClose')),
      onError: (error) => each((seat) => tell(seat.config, 'onError', error)),
      onResync: (reason) => each((seat) => tell(seat.config, 'onResync', reason)),
      onRefused: (refusal) =>
        each((seat) => {
          if (seat.channels.has(refusal.channel)) tell(seat.config, 'onRefused', refusal)
        }),
      onSnapshot: (snapshot) =>
        each((seat) => {
          if (seat.channels.has(snapshot.channel)) tell(seat.config, 'onSnapshot', snapshot)
        }),
      onMessage: (message) =>
        each((seat) => {
          const isItsOwn = this.seats.size === 1 || covers(seat.channels, message)
          if (isItsOwn) deliver(message as MessageFrame, seat.config)
        }),
      // deliver calls them.
      onEventCreated: undefined,
      onEventUpdate: undefined,
      onEventDeleted: undefined,
      onMetricsUpdate: undefined,
    }
  }
}
