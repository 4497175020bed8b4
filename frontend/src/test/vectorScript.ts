import { expect } from 'vitest'
import type { ChannelState, Delivery, EventUpdate, OutgoingMessage, SendResult, SocketOptions } from '../lib'
import { SocketClient } from '../lib'
import { FakeWorld } from '../lib/testing'

interface Step {
  at_ms?: number
  do?: string
  message?: OutgoingMessage
  channel?: string
  token?: string
  frame?: object
  text?: string
  code?: number
  reason?: string
  ms?: number
  expect?: Record<string, unknown>
}

/** One case of a file of kind `script`. */
export interface Script {
  name: string
  options?: Record<string, unknown>
  steps: Step[]
}

const OPTIONS: Record<string, keyof SocketOptions> = {
  reconnect: 'reconnect',
  max_reconnect_attempts: 'maxReconnectAttempts',
  initial_reconnect_delay_ms: 'initialReconnectDelay',
  max_reconnect_delay_ms: 'maxReconnectDelay',
  jitter: 'jitter',
  heartbeat_interval_ms: 'heartbeatInterval',
  heartbeat_timeout_ms: 'heartbeatTimeout',
  connect_timeout_ms: 'connectTimeout',
  channels: 'channels',
  token: 'token',
}

/** Runs one script against the client as a whole, in a fake world. */
export class ScriptRun {
  private readonly world = new FakeWorld(0)
  private readonly client: SocketClient
  private elapsed = 0
  private reasons: string[] = []
  private hasGetToken = false
  private result: SendResult | undefined
  // What happened in the step at hand.
  private calls: string[] = []
  private settled: Record<string, Delivery> = {}
  private sentBefore: number[] = []
  private closedBefore: (number | undefined)[] = []

  constructor(private readonly script: Script) {
    this.client = new SocketClient(this.options(script.options ?? {}), this.world.env)
  }

  /** Plays all steps. */
  async play(): Promise<void> {
    for (const [at, step] of this.script.steps.entries()) {
      this.calls = []
      this.settled = {}
      const { all } = this.world.Socket
      this.sentBefore = all.map((socket) => socket.sent.length)
      this.closedBefore = all.map((socket) => socket.closedWith)
      await this.moveTo(step.at_ms ?? this.elapsed)
      if (step.do !== undefined) this.act(step)
      await settle()
      for (const [key, value] of Object.entries(step.expect ?? {})) {
        expect(this.observe(key, value), `step ${at}, ${step.do ?? 'wait'}: ${key}`).toEqual(value)
      }
    }
    this.client.disconnect()
    expect(this.world.clock.pending).toBe(0)
  }

  // Promises settle between timers, as they do where time is real.
  private async moveTo(ms: number): Promise<void> {
    await settle()
    for (let next = this.world.clock.next; next !== null; next = this.world.clock.next) {
      const wait = Math.max(0, next - this.world.clock.now())
      if (this.elapsed + wait > ms) break
      this.world.advance(wait)
      this.elapsed += wait
      await settle()
    }
    this.world.advance(ms - this.elapsed)
    this.elapsed = ms
  }

  private act(step: Step): void {
    const { client, world } = this
    const { channel = '', message = { type: '' } } = step
    const actions: Record<string, () => unknown> = {
      connect: () => client.connect(),
      disconnect: () => client.disconnect(),
      reconnect: () => client.reconnect(),
      token: () => client.setToken(step.token),
      send: () => (this.result = client.send(message)),
      send_with_ack: () =>
        client.sendWithAck(message).then((delivery) => (this.settled[message.id ?? ''] = delivery)),
      subscribe: () => client.subscribe(channel),
      unsubscribe: () => client.unsubscribe(channel),
      open: () => world.accept(),
      frame: () => world.socket.receive(step.frame),
      text: () => world.socket.receive(step.text),
      close: () => world.socket.end(step.code, step.reason),
      hidden: () => world.page.hide(),
      visible: () => world.page.show(),
      wake: () => world.page.signal('wake'),
      offline: () => world.page.signal('offline'),
      suspend: () => world.page.signal('suspend'),
      sleep: () => world.clock.jump(step.ms ?? 0),
    }
    const run = actions[step.do ?? '']
    if (!run) throw new Error(`step ${step.do} is not run here`)
    run()
  }

  private observe(key: string, expected: unknown): unknown {
    const snapshot = this.client.store.getSnapshot()
    const { all } = this.world.Socket
    const { nextRetryAt } = snapshot
    const observers: Record<string, () => unknown> = {
      state: () => snapshot.state,
      attempt: () => snapshot.reconnectAttempt,
      delay_ms: () => snapshot.reconnectDelay,
      next_retry_in_ms: () => (nextRetryAt === null ? null : nextRetryAt - this.world.clock.now()),
      error: () => snapshot.lastError?.kind ?? null,
      resumed: () => snapshot.resumed,
      dials: () => (this.hasGetToken ? this.dialReasons.length : all.length),
      dial: () => only(this.dial(), expected),
      sent: () =>
        all.flatMap((socket, i) =>
          socket
            .frames()
            .slice(this.sentBefore[i] ?? 0)
            .map(withoutTime),
        ),
      closed: () =>
        all.flatMap(({ closedWith }, i) =>
          closedWith !== undefined && closedWith !== this.closedBefore[i] ? [closedWith] : [],
        ),
      calls: () => this.calls,
      result: () => this.result || 'refused',
      settled: () => this.settled,
      stats: () => only(this.client.stats, expected),
      channels: () => this.client.channels.map(channelState),
      quality: () => only(this.quality(), expected),
    }
    const look = observers[key]
    if (!look) throw new Error(`expectation ${key} is not compared here`)
    return look()
  }

  private get dialReasons(): string[] {
    return this.reasons.filter((reason) => reason !== 'expiring')
  }

  private dial(): object {
    const { query, protocols } = this.world.socket
    const bearer = protocols.find((word) => word.startsWith('bearer.'))?.slice('bearer.'.length)
    const after = query.get('after')
    return {
      session: query.get('session'),
      after: after === null ? null : Number(after),
      channels: query.get('channels')?.split(',').filter(Boolean) ?? null,
      token: bearer ?? query.get('token'),
      reason: this.dialReasons.at(-1) ?? null,
    }
  }

  private quality(): object {
    const { level, rttMs, jitterMs, missedPongs } = this.client.quality.getSnapshot()
    return { level, rtt_ms: rttMs, jitter_ms: jitterMs, missed_pongs: missedPongs }
  }

  private options(given: Record<string, unknown>): SocketOptions {
    const options: Record<string, unknown> = {
      url: 'wss://example.com/ws',
      dialect: 'v1',
      ...this.handlers(),
    }
    for (const [key, value] of Object.entries(given)) {
      const name = OPTIONS[key]
      if (name) options[name] = value
      else if (key === 'random') this.world.random = value as number
      else if (key === 'outbox') options.outbox = outboxOf(value as Record<string, number>)
      else if (key === 'tokens') options.getToken = this.getToken(value as (string | null)[])
      else throw new Error(`option ${key} is not set here`)
    }
    return options
  }

  private getToken(tokens: (string | null)[]): NonNullable<SocketOptions['getToken']> {
    this.hasGetToken = true
    return ({ reason }) => {
      const token = tokens[this.reasons.push(reason) - 1]
      return token ? Promise.resolve(token) : Promise.reject(new Error('no token'))
    }
  }

  private handlers(): Partial<SocketOptions> {
    const note = (word: string) => void this.calls.push(word)
    return {
      onOpen: () => note('open'),
      onClose: () => note('close'),
      onEventCreated: (event: EventUpdate) => note(`created ${event.id}`),
      onEventUpdate: (event: EventUpdate) => note(`updated ${event.id}`),
      onEventDeleted: (id: string) => note(`deleted ${id}`),
      onMetricsUpdate: () => note('metrics'),
      onResync: (reason) => note(`resync ${reason}`),
    }
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}

function outboxOf(limits: Record<string, number>): NonNullable<SocketOptions['outbox']> {
  const names = { max_messages: 'maxMessages', max_bytes: 'maxBytes', max_age_ms: 'maxAge' } as const
  const entries = Object.entries(limits).map(([key, value]) => {
    const name = (names as Record<string, string>)[key]
    if (!name) throw new Error(`outbox.${key} is not set here`)
    return [name, value]
  })
  return Object.fromEntries(entries) as NonNullable<SocketOptions['outbox']>
}

/** Those properties that the expectation names; one that there is not is undefined, and so fails. */
function only(actual: object, expected: unknown): object {
  const keys = Object.keys(expected as object)
  return Object.fromEntries(keys.map((key) => [key, (actual as Record<string, unknown>)[key]]))
}

function withoutTime(frame: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(frame).filter(([key]) => key !== 'timestamp'))
}

function channelState({ channel, isLive, seq }: ChannelState): object {
  return { channel, is_live: isLive, seq }
}
