import { expect, vi } from 'vitest'
import type { Handlers } from '../lib/handlers'
import type { OutgoingMessage } from '../lib/messages'
import type { SocketOptions } from '../lib/options'
import { FakeSocket } from './fakeSocket'
import { setupClient } from './setupClient'

/** A script of protocol/vectors; its README says what every word means. */
export interface Script {
  options: Record<string, unknown>
  steps: Step[]
}

interface Step {
  at_ms?: number
  do?: string
  expect?: Record<string, unknown>
  channel?: string
  channels?: string[]
  code?: number
  frame?: object
  message?: OutgoingMessage
  ms?: number
  reason?: string
  text?: string
  token?: string
}

/** The options that are no option of a client as they stand. */
type Given = Record<string, unknown> & { tokens?: (string | null)[]; outbox?: object; random?: number }

type Setup = ReturnType<typeof setupClient>

const OPTIONS: Readonly<Record<string, keyof SocketOptions>> = {
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
const OUTBOX: Readonly<Record<string, string>> = {
  max_messages: 'maxMessages',
  max_bytes: 'maxBytes',
  max_age_ms: 'maxAge',
}

/** What the client did in one step. */
class Seen {
  calls: string[] = []
  result: string | undefined
  private readonly sentBefore = new Map(FakeSocket.all.map((s) => [s, s.sent.length]))
  private readonly closedBefore = new Set(FakeSocket.all.filter((s) => s.closedWith !== undefined))

  get sent(): object[] {
    return FakeSocket.all.flatMap((socket) =>
      socket
        .frames()
        .slice(this.sentBefore.get(socket) ?? 0)
        .map((frame) => ({ ...frame, timestamp: undefined })),
    )
  }

  get closed(): (number | undefined)[] {
    const closed = FakeSocket.all.filter((s) => s.closedWith !== undefined && !this.closedBefore.has(s))
    return closed.map((s) => s.closedWith)
  }
}

/** Runs one script; fails on a word it does not know. */
export async function runScript({ options, steps }: Script): Promise<void> {
  let seen = new Seen()
  const settled: [id: string, delivery: string][] = []
  let tokenReason: string | null = null
  const { tokens, outbox, random = 0, ...rest } = options as Given
  const setup = setupClient(
    {
      ...renamed(rest, OPTIONS),
      ...(outbox !== undefined && { outbox: renamed(outbox, OUTBOX) }),
      ...(tokens !== undefined && { getToken: tokenQueue(tokens, (r) => (tokenReason = r)) }),
      ...listeners((call) => seen.calls.push(call)),
      dialect: 'v1',
      tokenIn: 'url',
    },
    { random: () => random },
  )
  let elapsed = 0
  for (const [i, step] of steps.entries()) {
    seen = new Seen()
    settled.length = 0
    await vi.advanceTimersByTimeAsync((step.at_ms ?? elapsed) - elapsed)
    elapsed = step.at_ms ?? elapsed
    perform(setup, step, seen, settled)
    await vi.advanceTimersByTimeAsync(0)
    for (const [key, value] of Object.entries(step.expect ?? {})) {
      const actual = observe(setup, key, value, { seen, settled, tokenReason })
      expect(actual, `step ${i}, ${key}: ${JSON.stringify(step)}`).toEqual(value)
    }
  }
  setup.client.disconnect()
  expect(vi.getTimerCount(), 'timers left behind').toBe(0)
}

function renamed(given: object, names: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(given).map(([key, value]) => {
      if (names[key] === undefined) throw new Error(`this side does not know the option ${key}`)
      return [names[key], value]
    }),
  )
}

function tokenQueue(tokens: (string | null)[], note: (reason: string) => void): SocketOptions['getToken'] {
  const queue = [...tokens]
  return ({ reason }) => {
    note(reason)
    const next = queue.shift()
    if (next === undefined) throw new Error('the script gives no more tokens')
    return next === null ? Promise.reject(new Error('no token')) : next
  }
}

function listeners(call: (what: string) => void): Handlers {
  return {
    onOpen: () => call('open'),
    onClose: () => call('close'),
    onEventCreated: ({ id }) => call(`created ${id}`),
    onEventUpdate: ({ id }) => call(`updated ${id}`),
    onEventDeleted: (id) => call(`deleted ${id}`),
    onMetricsUpdate: () => call('metrics'),
    onResync: (reason) => call(`resync ${reason}`),
    onRefused: ({ channel, code }) => call(`refused ${channel} ${code}`),
  }
}

function perform({ client, page }: Setup, step: Step, seen: Seen, settled: [string, string][]): void {
  switch (step.do) {
    case undefined:
      return
    case 'connect':
    case 'disconnect':
    case 'reconnect':
      return client[step.do]()
    case 'token':
      return client.setToken(step.token)
    case 'send':
      seen.result = client.send(step.message!) || 'refused'
      return
    case 'send_with_ack': {
      const { id = '' } = step.message!
      void client.sendWithAck(step.message!).then((delivery) => settled.push([id, delivery]))
      return
    }
    case 'subscribe':
    case 'unsubscribe':
      for (const channel of step.channels ?? [step.channel!]) void client[step.do](channel)
      return
    case 'open':
      FakeSocket.last.accept()
      return
    case 'frame':
      return FakeSocket.last.receive(step.frame)
    case 'text':
      return FakeSocket.last.receive(step.text)
    case 'close':
      return FakeSocket.last.end(step.code, step.reason)
    case 'hidden':
      return page.hide()
    case 'visible':
      return page.show()
    case 'wake':
    case 'offline':
    case 'suspend':
      return page.signal(step.do)
    case 'sleep':
      vi.setSystemTime(Date.now() + step.ms!)
      return
    default:
      throw new Error(`this side does not know how to do ${step.do}`)
  }
}

interface Notes {
  seen: Seen
  settled: [id: string, delivery: string][]
  tokenReason: string | null
}

function observe({ client, snapshot }: Setup, key: string, wanted: unknown, notes: Notes): unknown {
  const { seen } = notes
  const shown = snapshot()
  switch (key) {
    case 'state':
    case 'resumed':
      return shown[key]
    case 'attempt':
      return shown.reconnectAttempt
    case 'delay_ms':
      return shown.reconnectDelay
    case 'next_retry_in_ms':
      return shown.nextRetryAt === null ? null : shown.nextRetryAt - Date.now()
    case 'error':
      return shown.lastError?.kind ?? null
    case 'dials':
      return FakeSocket.all.length
    case 'dial':
      return only(wanted, dial(notes.tokenReason))
    case 'sent':
    case 'closed':
    case 'calls':
    case 'result':
      return seen[key]
    case 'settled':
      return Object.fromEntries(notes.settled)
    case 'stats':
      return client.stats
    case 'channels':
      return client.channels.map(({ channel, isLive, seq }) => ({ channel, is_live: isLive, seq }))
    case 'quality': {
      const { level, rttMs, jitterMs, missedPongs } = client.quality.getSnapshot()
      return only(wanted, { level, rtt_ms: rttMs, jitter_ms: jitterMs, missed_pongs: missedPongs })
    }
    default:
      throw new Error(`this side does not know how to expect ${key}`)
  }
}

function dial(reason: string | null) {
  const { query } = FakeSocket.last
  const channels = query.get('channels')
  return {
    session: query.get('session'),
    resume: query.get('resume'),
    after: query.has('after') ? Number(query.get('after')) : null,
    channels: channels === null ? null : channels.split(',').filter((name) => name !== ''),
    token: query.get('token'),
    reason,
  }
}

/** The keys of actual that wanted names; one that actual does not have shows as undefined. */
function only(wanted: unknown, actual: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.keys(wanted as object).map((key) => [key, actual[key]]))
}
