import { expect, test, vi } from 'vitest'
import { FakeSocket } from '../test/fakeSocket'
import { setupClient } from '../test/setupClient'
import type { SocketOptions } from './options'
import { WebSocketState } from './protocol'

// Lets promises settle; no time passes.
const settle = () => vi.advanceTimersByTimeAsync(0)

const update = (id: string, seq: number, channel = 'events') => ({
  type: 'event_update',
  data: { id, status: 'delivered' },
  channel,
  seq,
})

function connected(options: SocketOptions = {}) {
  const seen: string[] = []
  const onResync = vi.fn()
  const onOpen = vi.fn()
  const setup = setupClient({ onResync, onOpen, onEventUpdate: (e) => seen.push(e.id), ...options })
  setup.client.connect()
  FakeSocket.last.accept()
  const redial = () => {
    FakeSocket.last.end()
    vi.advanceTimersByTime(setup.snapshot().reconnectDelay)
    return FakeSocket.last
  }
  return { ...setup, seen, onResync, onOpen, redial }
}

test('asks for v1, and connects at once with a server that may not know it', () => {
  const { snapshot } = connected()
  expect(FakeSocket.last.query.get('v')).toBe('1')
  expect(snapshot()).toMatchObject({ state: WebSocketState.CONNECTED, resumed: null })
})

test('what a plain server was told of is live, what it has yet to confirm is not', () => {
  const { client, redial } = connected({ channels: ['events', 'metrics'] })
  void client.subscribe('event:evt_1')
  client.unsubscribe('metrics')
  const states = [
    { channel: 'events', isLive: true, seq: null },
    { channel: 'event:evt_1', isLive: false, seq: null },
  ]
  expect(client.channels).toEqual(states)
  redial()
  expect(client.channels.some(({ isLive }) => isLive)).toBe(false)
  FakeSocket.last.accept()
  expect(client.channels).toEqual(states)
})

test('a session says itself which channels are live, whatever was assumed before it came', () => {
  const { client } = connected({ channels: ['events', 'metrics'] })
  FakeSocket.last.greet({ seq: 10, channels: ['metrics'] })
  expect(client.channels).toEqual([
    { channel: 'events', isLive: false, seq: null },
    { channel: 'metrics', isLive: true, seq: 10 },
  ])
})

test('the plain dialect asks for nothing', () => {
  connected({ dialect: 'plain', token: 't' })
  expect(FakeSocket.last.url).toBe('wss://example.com/ws?token=t')
})

test('with a plain server, every reconnect may have missed something', () => {
  const { onResync, redial, seen } = connected()
  FakeSocket.last.receive({ type: 'event_update', data: { id: 'a', status: 'failed' } })
  expect(onResync).not.toHaveBeenCalled()
  redial().accept()
  expect(onResync.mock.calls).toEqual([['reconnected']])
  expect(seen).toEqual(['a'])
})

test('resumes the session from the last change seen', () => {
  const { snapshot, onResync, onOpen, redial, seen } = connected()
  FakeSocket.last.greet({ session: 's1', seq: 40 })
  expect(snapshot().resumed).toBe(false)
  FakeSocket.last.receive(update('a', 42))
  const next = redial()
  expect(next.query.get('session')).toBe('s1')
  expect(next.query.get('after')).toBe('42')
  next.accept()
  // This server is known to greet: before it has, the connection is not usable.
  expect(snapshot().state).toBe(WebSocketState.RECONNECTING)
  next.greet({ session: 's2', seq: 50, resumed: true })
  expect(snapshot()).toMatchObject({ state: WebSocketState.CONNECTED, resumed: true })
  expect(onOpen).toHaveBeenCalledTimes(2)
  next.receive(update('b', 44))
  next.receive(update('c', 50))
  expect(seen).toEqual(['a', 'b', 'c'])
  expect(onResync).not.toHaveBeenCalled()
  expect(redial().query.get('after')).toBe('50')
})

test('a session that could not be resumed is told once, its resync frames included', () => {
  const { onResync, redial, seen, snapshot } = connected()
  FakeSocket.last.greet({ seq: 40 })
  const next = redial().accept()
  next.greet({ session: 's9', seq: 7, resumed: false })
  next.receive({ type: 'resync', data: { channel: 'events', seq: 7 } })
  expect(onResync.mock.calls).toEqual([['not_resumed']])
  expect(snapshot().resumed).toBe(false)
  next.receive(update('a', 8))
  expect(seen).toEqual(['a'])
})

test('a resync is told once per position, and the stream goes on from there', () => {
  const { onResync, seen } = connected()
  FakeSocket.last.greet({ seq: 10 })
  FakeSocket.last.receive({ type: 'resync', data: { channel: 'events', seq: 90 } })
  FakeSocket.last.receive({ type: 'resync', data: { channel: 'event:x', seq: 90 } })
  expect(onResync.mock.calls).toEqual([['resync']])
  FakeSocket.last.receive(update('old', 90))
  FakeSocket.last.receive(update('new', 91))
  expect(seen).toEqual(['new'])
})

test('duplicates are dropped and counted', () => {
  const { client, seen } = connected()
  FakeSocket.last.greet({ seq: 10 })
  for (const seq of [11, 11, 10, 12]) FakeSocket.last.receive(update(`e${seq}`, seq))
  expect(seen).toEqual(['e11', 'e12'])
  expect(client.stats.duplicates).toBe(2)
})

test('without a session nothing is dropped: seq may mean something else there', () => {
  const { seen } = connected()
  for (const seq of [11, 11]) FakeSocket.last.receive(update('a', seq))
  expect(seen).toEqual(['a', 'a'])
})

test('the head in a pong does not count as seen', () => {
  const { seen } = connected()
  FakeSocket.last.greet({ seq: 10 })
  FakeSocket.last.receive({ type: 'pong', data: { seq: 99 } })
  FakeSocket.last.receive(update('a', 50))
  expect(seen).toEqual(['a'])
})

test('a head that nothing has come of one pong later is asked about once', () => {
  const { onResync, seen } = connected()
  FakeSocket.last.greet({ seq: 10 })
  const pong = (seq: number) => FakeSocket.last.receive({ type: 'pong', data: { seq } })
  pong(12)
  FakeSocket.last.receive(update('a', 12))
  pong(13)
  expect(onResync).not.toHaveBeenCalled()
  pong(13)
  expect(onResync.mock.calls).toEqual([['behind']])
  FakeSocket.last.receive(update('late', 13))
  expect(seen).toEqual(['a', 'late'])
})

test('a connection that does not subscribe to every change cannot be behind', () => {
  const { onResync } = connected({ channels: ['event:evt_1'] })
  FakeSocket.last.greet({ seq: 10, channels: ['event:evt_1'] })
  for (let i = 0; i < 4; i++) FakeSocket.last.receive({ type: 'pong', data: { seq: 12 } })
  expect(onResync).not.toHaveBeenCalled()
})

test('the state of a channel is told, whatever its position', () => {
  const onSnapshot = vi.fn()
  const { client } = connected({ onSnapshot })
  FakeSocket.last.greet({ seq: 100 })
  const snapshot = { channel: 'event:evt_1', seq: 90, state: { id: 'evt_1', status: 'pending' } }
  FakeSocket.last.receive({ type: 'snapshot', data: snapshot })
  FakeSocket.last.receive({ type: 'snapshot', data: { channel: 'event:evt_2', seq: 90 } })
  expect(onSnapshot.mock.calls).toEqual([[snapshot]])
  expect(client.stats.refused).toBe(1)
})

test('each channel knows its own position', () => {
  const { client } = connected()
  FakeSocket.last.greet({ seq: 10, channels: ['events', 'metrics'] })
  void client.subscribe('event:evt_1')
  FakeSocket.last.receive(update('a', 12))
  expect(client.channels).toEqual([
    { channel: 'events', isLive: true, seq: 12 },
    { channel: 'metrics', isLive: true, seq: 10 },
    { channel: 'event:evt_1', isLive: false, seq: null },
  ])
  const data = { channel: 'event:evt_1', status: 'subscribed' }
  FakeSocket.last.receive({ type: 'subscribe', data, channel: 'event:evt_1', seq: 11 })
  FakeSocket.last.receive(update('b', 12, 'event:evt_1'))
  expect(client.channels.at(-1)).toEqual({ channel: 'event:evt_1', isLive: true, seq: 12 })
})

test('a batch is taken apart in order; a bad item costs only itself', () => {
  const { client, seen } = connected()
  FakeSocket.last.greet({ seq: 10 })
  FakeSocket.last.receive({
    type: 'batch',
    data: [update('a', 11), { type: 'event_update' }, { type: 'batch', data: [] }, update('b', 12)],
  })
  expect(seen).toEqual(['a', 'b'])
  expect(client.stats.refused).toBe(2)
})

test('a server that stopped greeting is taken as plain after one timeout', () => {
  const { snapshot, redial } = connected()
  FakeSocket.last.greet()
  redial().accept()
  vi.advanceTimersByTime(10_000)
  expect(snapshot().lastError?.kind).toBe('timeout')
  vi.advanceTimersByTime(snapshot().reconnectDelay)
  FakeSocket.last.accept()
  expect(snapshot()).toMatchObject({ state: WebSocketState.CONNECTED, resumed: null })
})

test('an explicit disconnect ends the session; the next connect tells of the gap', () => {
  const { client, onResync } = connected()
  FakeSocket.last.greet()
  client.disconnect()
  client.connect()
  expect(FakeSocket.last.query.has('session')).toBe(false)
  FakeSocket.last.accept().greet({ session: 's2' })
  expect(onResync.mock.calls).toEqual([['not_resumed']])
})

test('channels of the configuration go into the address, and an empty list too', () => {
  connected({ channels: ['events:order.*', 'metrics'] })
  expect(FakeSocket.last.query.get('channels')).toBe('events:order.*,metrics')
  connected({ channels: [] })
  expect(FakeSocket.last.query.get('channels')).toBe('')
})

test('a subscription is sent when there is a connection, and again after each', async () => {
  const { client, redial } = connected()
  const outcome = client.subscribe('event:evt_1')
  await settle()
  expect(FakeSocket.last.frames()).toEqual([{ type: 'subscribe', data: { channel: 'event:evt_1' } }])
  redial().accept()
  expect(FakeSocket.last.frames()).toEqual([{ type: 'subscribe', data: { channel: 'event:evt_1' } }])
  FakeSocket.last.receive({ type: 'subscribe', data: { channel: 'event:evt_1', status: 'subscribed' } })
  expect(await outcome).toEqual({ status: 'live' })
  client.unsubscribe('event:evt_1')
  await settle()
  expect(FakeSocket.last.frames('unsubscribe')).toHaveLength(1)
  redial().accept()
  expect(FakeSocket.last.frames('subscribe')).toEqual([])
})

test('with sessions, a reconnect names what it had, so that its catch-up covers it', async () => {
  const { client, redial } = connected()
  FakeSocket.last.greet({ channels: ['events', 'metrics'] })
  void client.subscribe('event:evt_1')
  client.unsubscribe('metrics')
  await settle()
  FakeSocket.last.receive({ type: 'subscribe', data: { channel: 'event:evt_1', status: 'subscribed' } })
  const next = redial().accept()
  expect(next.query.get('channels')).toBe('events,event:evt_1')
  next.greet({ resumed: true, channels: ['events'] })
  await settle()
  expect(next.frames()).toEqual([{ type: 'subscribe', data: { channel: 'event:evt_1' } }])
})

test('what a starting subscription tells of old changes is not taken for a duplicate', async () => {
  const { client, seen } = connected()
  FakeSocket.last.greet({ seq: 100 })
  void client.subscribe('event:old')
  await settle()
  FakeSocket.last.receive(update('old', 5, 'event:old'))
  FakeSocket.last.receive({
    type: 'subscribe',
    data: { channel: 'event:old', status: 'subscribed' },
    seq: 100,
  })
  FakeSocket.last.receive(update('old', 5, 'event:old'))
  expect(seen).toEqual(['old'])
})

test('of a long list of channels as much stands in the address as fits; a server that greets is asked for the rest', () => {
  const channels = Array.from({ length: 100 }, (_, i) => `event:evt_06h0g42fanre76r24q6ghck${100 + i}`)
  const { redial } = connected({ channels })
  const { url, query } = FakeSocket.last
  const named = query.get('channels')!.split(',')
  expect(url.length).toBeLessThanOrEqual(2048)
  expect(channels.slice(0, named.length)).toEqual(named)
  FakeSocket.last.greet({ channels: named })
  const rest = channels.slice(named.length)
  expect(FakeSocket.last.frames('subscribe')).toEqual([{ type: 'subscribe', data: { channels: rest } }])
  for (const channel of rest)
    FakeSocket.last.receive({ type: 'subscribe', data: { channel, status: 'subscribed' } })
  const next = redial().accept()
  expect(next.query.get('resume')).toBe('message')
  expect(next.frames('resume')).toEqual([{ type: 'resume', data: { channels, session: 's1', after: 10 } }])
})
