import { expect, test, vi } from 'vitest'
import { FakeSocket } from '../test/fakeSocket'
import { setupClient } from '../test/setupClient'
import { WebSocketState } from './protocol'

function connected(options = {}) {
  const setup = setupClient(options)
  setup.client.connect()
  const socket = FakeSocket.last.accept()
  return { ...setup, socket, pings: () => socket.frames('ping').length }
}

const pong = { type: 'pong' }

test('a ping goes out every 30 s, with the time', () => {
  const { socket, pings } = connected()
  vi.advanceTimersByTime(29_999)
  expect(pings()).toBe(0)
  vi.advanceTimersByTime(1)
  expect(socket.frames('ping')).toEqual([{ type: 'ping', timestamp: new Date().toISOString() }])
  socket.receive(pong)
  vi.advanceTimersByTime(30_000)
  expect(pings()).toBe(2)
})

test('without a pong within 5 s of the ping the link is dropped at once and dialled anew', () => {
  const onClose = vi.fn()
  const { socket, snapshot } = connected({ onClose })
  vi.advanceTimersByTime(34_999)
  expect(snapshot().state).toBe(WebSocketState.CONNECTED)
  vi.advanceTimersByTime(1)
  expect(snapshot()).toMatchObject({
    state: WebSocketState.RECONNECTING,
    reconnectDelay: 1000,
    lastError: { kind: 'heartbeat' },
  })
  expect(socket.closedWith).toBe(4000)
  expect(onClose).toHaveBeenCalledTimes(1)
})

test('the deadline counts from the ping, not from the last frame', () => {
  const { snapshot } = connected()
  // Nothing at all for 30 s, six times the deadline, is no reason to drop a link that was not asked.
  vi.advanceTimersByTime(30_000)
  expect(snapshot().state).toBe(WebSocketState.CONNECTED)
})

test('any frame counts as a sign of life', () => {
  const { socket, snapshot } = connected()
  vi.advanceTimersByTime(30_000)
  socket.receive('not even JSON')
  vi.advanceTimersByTime(10_000)
  expect(snapshot().state).toBe(WebSocketState.CONNECTED)
})

test('the deadline of one link does not hit the next', () => {
  const { client, snapshot, socket } = connected()
  vi.advanceTimersByTime(30_000)
  socket.end()
  client.reconnect()
  FakeSocket.last.accept()
  vi.advanceTimersByTime(6000)
  expect(snapshot().state).toBe(WebSocketState.CONNECTED)
})

test('a deadline that fires much too late asks again before it judges', () => {
  const { socket, snapshot, pings } = connected()
  vi.advanceTimersByTime(30_000)
  // The machine sleeps: the clock moves, timers do not.
  vi.setSystemTime(Date.now() + 3_600_000)
  vi.advanceTimersByTime(5000)
  expect(snapshot().state).toBe(WebSocketState.CONNECTED)
  expect(pings()).toBe(2)
  socket.receive(pong)
  vi.advanceTimersByTime(5000)
  expect(snapshot().state).toBe(WebSocketState.CONNECTED)
})

test('a deadline that was late twice is believed', () => {
  const { snapshot } = connected()
  vi.advanceTimersByTime(30_000)
  for (let i = 0; i < 2; i++) {
    vi.setSystemTime(Date.now() + 60_000)
    vi.advanceTimersByTime(5000)
  }
  expect(snapshot().state).toBe(WebSocketState.RECONNECTING)
})

test('with the clock set back, a dead link is still found', () => {
  const { snapshot } = connected()
  vi.advanceTimersByTime(30_000)
  vi.setSystemTime(Date.now() - 3_600_000)
  vi.advanceTimersByTime(10_000)
  expect(snapshot().state).toBe(WebSocketState.RECONNECTING)
})

test('an interval of 0 sends none', () => {
  const { pings, page } = connected({ heartbeatInterval: 0 })
  vi.advanceTimersByTime(120_000)
  page.signal('offline')
  page.show()
  expect(pings()).toBe(0)
})

test.each([{ heartbeatInterval: 0 }, { heartbeatTimeout: 0 }, { heartbeatTimeout: -1 }])(
  '%j ends the heartbeat, not the connection',
  (options) => {
    const { pings, page, snapshot } = connected(options)
    vi.advanceTimersByTime(600_000)
    page.signal('offline')
    vi.advanceTimersByTime(600_000)
    expect(pings()).toBe(0)
    expect(snapshot().state).toBe(WebSocketState.CONNECTED)
  },
)
