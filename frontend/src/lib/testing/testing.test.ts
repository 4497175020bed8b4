import { expect, test, vi } from 'vitest'
import { SocketClient } from '../socket'
import type { SocketOptions } from '../options'
import { FakeClock, FakeSocket, FakeWorld } from './index'

/** A socket that notes its events with the readyState they come in. */
function noted(protocols?: string[]) {
  const socket = new FakeSocket('wss://example.com/', protocols)
  const events: string[] = []
  socket.onopen = () => events.push('open')
  socket.onmessage = () => events.push('message')
  socket.onerror = () => events.push(`error ${socket.readyState}`)
  socket.onclose = (e) =>
    events.push(`close ${e.code} ${e.wasClean ? 'clean' : 'unclean'} ${socket.readyState}`)
  return { socket, events }
}
const settle = () => Promise.resolve()

test('close() while connecting: nothing at once, then error and 1006', async () => {
  const { socket, events } = noted()
  socket.close()
  expect([socket.readyState, ...events]).toEqual([2])
  await settle()
  expect(events).toEqual(['error 3', 'close 1006 unclean 3'])
})

test('close() when open: CLOSING until the other side answers', async () => {
  const { socket, events } = noted()
  socket.accept().close(4002)
  expect([socket.readyState, ...events]).toEqual([2, 'open'])
  socket.receive({ type: 'pong' })
  socket.send('lost')
  await settle()
  expect(events).toEqual(['open', 'close 4002 clean 3'])
  expect(socket.sent).toEqual([])
})

test('half open, nothing gets through and CLOSING lasts', async () => {
  const { socket, events } = noted()
  socket.accept().halfOpen()
  socket.send('lost')
  socket.receive({ type: 'pong' })
  socket.close()
  await settle()
  expect([socket.readyState, ...events, ...socket.sent]).toEqual([2, 'open'])
})

test('a server that selects no subprotocol fails the attempt', () => {
  const { socket, events } = noted(['apier.v1', 'bearer.t'])
  socket.accept('')
  expect(events).toEqual(['error 3', 'close 1006 unclean 3'])
  expect(noted(['apier.v1']).socket.accept().protocol).toBe('apier.v1')
})

test('a code from the server arrives as it was sent', () => {
  const { socket, events } = noted()
  socket.accept().end(4401, 'token_expired')
  expect(events).toEqual(['open', 'close 4401 clean 3'])
})

test.each([1001, 1006, 2999, 5000])('close(%i) throws', (code) => {
  expect(() => noted().socket.close(code)).toThrow(DOMException)
})

test('what browsers refuse is refused', () => {
  expect(() => noted().socket.send('too early')).toThrow(DOMException)
  expect(() => noted().socket.close(4000, 'x'.repeat(124))).toThrow(DOMException)
  expect(() => noted(['a b'])).toThrow(DOMException)
  expect(() => noted(['a', 'a'])).toThrow(DOMException)
})

test('the clock fires in order, and knows time that passes unseen', () => {
  const clock = new FakeClock(0)
  const fired: string[] = []
  const note = (name: string) => () => void fired.push(`${name} ${clock.now()}`)
  clock.setTimeout(note('b'), 20)
  clock.setTimeout(note('a'), 10)
  clock.clearTimeout(clock.setTimeout(note('never'), 5))
  clock.advance(15)
  clock.jump(1000)
  clock.advance(5)
  expect(fired).toEqual(['a 10', 'b 1020'])
  expect(clock.pending).toBe(0)
})

function connected(options: SocketOptions = {}) {
  const world = new FakeWorld()
  const client = new SocketClient({ url: 'wss://example.com/ws', ...options }, world.env)
  client.connect()
  world.accept().greet()
  return { world, client, snapshot: () => client.store.getSnapshot() }
}

test('drop: the client dials again, and resumes', () => {
  const { world, snapshot } = connected()
  world.drop()
  expect(snapshot()).toMatchObject({ state: 'reconnecting', reconnectDelay: 1000 })
  world.advance(1000)
  expect(world.socket.query.get('session')).toBe('s1')
  world.accept().greet({ resumed: true })
  expect(snapshot()).toMatchObject({ state: 'connected', resumed: true })
})

test('halfOpen: the heartbeat finds out', () => {
  const { world, snapshot } = connected()
  world.halfOpen()
  world.advance(34_999)
  expect(snapshot().state).toBe('connected')
  world.advance(1)
  expect(snapshot()).toMatchObject({ state: 'reconnecting', lastError: { kind: 'heartbeat' } })
})

test('freeze: shown again, the client asks at once', () => {
  const { world, snapshot } = connected()
  world.freeze(600_000)
  expect(world.socket.frames('ping')).toHaveLength(1)
  world.socket.receive({ type: 'pong' })
  world.advance(5000)
  expect(snapshot().state).toBe('connected')
})

test('expireToken: one new token, one attempt', async () => {
  const getToken = vi.fn(({ reason }: { reason: string }) => reason)
  const world = new FakeWorld()
  const client = new SocketClient({ url: 'wss://example.com/ws', getToken }, world.env)
  client.connect()
  await settle()
  await settle()
  world.accept().greet()
  world.warnOfExpiry()
  await settle()
  await settle()
  expect(world.socket.frames('auth')).toEqual([{ type: 'auth', data: { token: 'expiring' } }])
  world.advance(5000)
  world.expireToken()
  await settle()
  await settle()
  expect(world.socket.protocols).toEqual(['apier.v1', 'bearer.unauthorized'])
  client.disconnect()
})

test('restart and refuse: the server’s delay wins, its refusal ends', () => {
  const { world, client, snapshot } = connected()
  world.restart(2300)
  expect(snapshot().reconnectDelay).toBe(2300)
  world.advance(2300)
  world.refuse(4403, 'forbidden')
  expect(snapshot().state).toBe('error')
  client.disconnect()
  expect(world.clock.pending).toBe(0)
  expect(world.page.listeners.size).toBe(0)
})
