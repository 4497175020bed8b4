import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { FakeSocket } from '../test/fakeSocket'
import { setupClient } from '../test/setupClient'
import type { Refusal } from './channels'
import { WebSocketState } from './protocol'

// Lets promises settle; no time passes.
const settle = () => vi.advanceTimersByTimeAsync(0)
const rows = (n: number) => Array.from({ length: n }, (_, i) => `event:evt_${i}`)
const echo = (type: string, channel: string) => ({ type, data: { channel, status: `${type}d` }, seq: 10 })
const TOO_MANY = 'A connection may have 100 subscriptions. Unsubscribe from one first.'
const tooMany = (...channels: string[]) => ({
  type: 'error',
  code: 'too_many_subscriptions',
  error: TOO_MANY,
  data: { request: 'subscribe', channels },
})

function connected(channels: string[] = []) {
  const refused: Refusal[] = []
  const setup = setupClient({ channels, dialect: 'v1', onRefused: (refusal) => refused.push(refusal) })
  setup.client.connect()
  FakeSocket.last.accept().greet({ channels })
  return { ...setup, refused }
}

test('a hundred channels of one tick are one frame, and each tells what became of it', async () => {
  const { client, snapshot, refused } = connected()
  const outcomes = rows(101).map((channel) => client.subscribe(channel))
  await settle()
  const frames = FakeSocket.last.frames('subscribe')
  expect(frames.map(({ data }) => data)).toEqual([{ channels: rows(100) }, { channel: 'event:evt_100' }])
  for (const channel of rows(100)) FakeSocket.last.receive(echo('subscribe', channel))
  FakeSocket.last.receive(tooMany('event:evt_100'))
  expect(await outcomes[0]).toEqual({ status: 'live' })
  const refusal = { channel: 'event:evt_100', code: 'too_many_subscriptions', message: TOO_MANY }
  expect(await outcomes[100]).toEqual({ status: 'refused', ...refusal })
  expect(refused).toEqual([refusal])
  expect(client.channels.at(-1)).toMatchObject({ isLive: false, refused: refusal })
  // It is seen, and it names the limit, although the connection is fine.
  expect(snapshot()).toMatchObject({ state: WebSocketState.CONNECTED, lastError: { kind: 'subscription' } })
  expect(snapshot().lastError?.message).toContain('100 subscriptions')
  client.unsubscribe('event:evt_100')
  expect(snapshot().lastError).toBeNull()
})

test('a channel that is left before the server has answered says so', async () => {
  const { client } = connected()
  const outcome = client.subscribe('event:a')
  client.unsubscribe('event:a')
  expect(await outcome).toEqual({ status: 'left' })
  await settle()
  expect(FakeSocket.last.frames()).toEqual([])
})

test('an unknown server is asked for many after it had the time to greet', async () => {
  const { client } = setupClient({ channels: [] })
  client.connect()
  for (const channel of rows(50)) void client.subscribe(channel)
  FakeSocket.last.accept()
  await settle()
  FakeSocket.last.greet({ channels: [] })
  await settle()
  expect(FakeSocket.last.frames('subscribe').map(({ data }) => data)).toEqual([{ channels: rows(50) }])
})

test('one that never greets is asked channel by channel, within the rate of servers', async () => {
  const { client } = setupClient({ channels: [], dialect: 'plain' })
  client.connect()
  FakeSocket.last.accept()
  for (const channel of rows(50)) void client.subscribe(channel)
  await settle()
  expect(FakeSocket.last.frames('subscribe')).toHaveLength(20)
  FakeSocket.last.receive({ type: 'error', code: 'rate_limited', error: 'Slow down.', id: 'apier-20' })
  await vi.advanceTimersByTimeAsync(3000)
  const asked = FakeSocket.last.frames('subscribe').map(({ data }) => (data as { channel: string }).channel)
  expect(asked).toHaveLength(51)
  expect(new Set(asked)).toEqual(new Set(rows(50)))
})

test('a name that no frame may hold is refused here', async () => {
  const { client } = connected()
  const outcome = client.subscribe(`event:${'x'.repeat(40_000)}`)
  expect(await outcome).toMatchObject({ status: 'refused', code: 'invalid_channel' })
  expect(FakeSocket.last.frames()).toEqual([])
})

/** What a server holds for one connection. */
class ModelServer {
  readonly held = new Set<string>()
  private read = 0
  constructor(
    private readonly socket: FakeSocket,
    private readonly limit: number,
  ) {
    const named = socket.accept().query.get('channels')?.split(',') ?? []
    for (const name of named) if (name && this.held.size < limit) this.held.add(name)
    socket.greet({ resumed: true, channels: [...this.held] })
  }

  /** Answers the frames that came since, each with a refusal where one is given. */
  answer(refusal?: string): void {
    const frames = this.socket.frames().slice(this.read)
    this.read += frames.length
    for (const { type, data } of frames as {
      type: string
      data: { channel?: string; channels?: string[] }
    }[]) {
      const names = data.channels ?? [data.channel!]
      const error = (code: string, channels: string[]) => ({
        type: 'error',
        code,
        error: '-',
        data: { request: type, channels },
      })
      if (refusal) this.socket.receive(error(refusal, names))
      else for (const name of names) this.one(type, name, error)
    }
  }

  private one(type: string, name: string, error: (code: string, channels: string[]) => object): void {
    const isFull = this.held.size >= this.limit && !this.held.has(name)
    if (type === 'subscribe' && name === 'bad') return this.socket.receive(error('invalid_channel', [name]))
    if (type === 'subscribe' && isFull) return this.socket.receive(error('too_many_subscriptions', [name]))
    if (type === 'subscribe') this.held.add(name)
    else this.held.delete(name)
    this.socket.receive(echo(type, name))
  }
}

test('after any churn, refusals and losses, what is wanted, confirmed and held is the same', async () => {
  const name = fc.constantFrom('bad', 'events', 'metrics', ...rows(8))
  const step = fc.oneof(
    fc.record({ do: fc.constantFrom('subscribe', 'unsubscribe'), name }),
    fc.record({ do: fc.constant('answer'), name: fc.constantFrom('', '', 'rate_limited', 'unavailable') }),
    fc.record({ do: fc.constantFrom('settle', 'lose', 'wait'), name: fc.constant('') }),
  )
  const check = async (steps: { do: string; name: string }[], limit: number) => {
    const { client } = setupClient({ channels: ['events'], dialect: 'v1', heartbeatInterval: 0 })
    const wanted = new Set(['events'])
    client.connect()
    let server = new ModelServer(FakeSocket.last, limit)
    const lose = async () => {
      FakeSocket.last.end()
      await vi.advanceTimersByTimeAsync(1000)
      server = new ModelServer(FakeSocket.last, limit)
    }
    for (const { do: what, name } of steps) {
      if (what === 'subscribe') void client.subscribe(name)
      if (what === 'subscribe') wanted.add(name)
      if (what === 'unsubscribe') client.unsubscribe(name)
      if (what === 'unsubscribe') wanted.delete(name)
      if (what === 'answer') server.answer(name)
      if (what === 'settle') await settle()
      if (what === 'wait') await vi.advanceTimersByTimeAsync(700)
      if (what === 'lose') await lose()
      if (what === 'lose') await vi.advanceTimersByTimeAsync(6000) // a good connection: the attempts count anew
    }
    for (let i = 0; i < 10; i++) {
      await vi.advanceTimersByTimeAsync(31_000)
      server.answer()
    }
    const live = client.channels.filter(({ isLive }) => isLive).map(({ channel }) => channel)
    expect(new Set(live)).toEqual(server.held)
    expect(new Set(client.channels.map(({ channel }) => channel))).toEqual(wanted)
    for (const { channel, isLive, refused } of client.channels)
      expect([channel, isLive]).toEqual([channel, !refused])
    wanted.delete('bad')
    expect(server.held.size).toBe(Math.min(limit, wanted.size))
    client.disconnect()
  }
  const steps = fc.array(step, { maxLength: 40 })
  await fc.assert(fc.asyncProperty(steps, fc.integer({ min: 2, max: 12 }), check), { numRuns: 60 })
}, 60_000)
