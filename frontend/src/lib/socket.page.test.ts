import { expect, test, vi } from 'vitest'
import { FakeSocket } from '../test/fakeSocket'
import { setupClient } from '../test/setupClient'
import { browserPage } from './env'
import { WebSocketState } from './protocol'

const { CONNECTING, CONNECTED, RECONNECTING, DISCONNECTED } = WebSocketState

function connected(options = {}) {
  const setup = setupClient(options)
  setup.client.connect()
  const socket = FakeSocket.last.accept()
  return { ...setup, socket, pings: () => socket.frames('ping').length }
}

test('a hidden tab sends no ping and keeps its connection', () => {
  const { page, pings, snapshot } = connected()
  page.hide()
  vi.advanceTimersByTime(3_600_000)
  expect(pings()).toBe(0)
  expect(snapshot().state).toBe(CONNECTED)
  expect(FakeSocket.all).toHaveLength(1)
})

test('a tab that is hidden while it waits for a pong does not judge', () => {
  const { page, snapshot } = connected()
  vi.advanceTimersByTime(30_000)
  page.hide()
  vi.advanceTimersByTime(60_000)
  expect(snapshot().state).toBe(CONNECTED)
})

test('a connection made while hidden starts its heartbeat when shown', () => {
  const { client, page } = setupClient()
  page.hidden = true
  client.connect()
  FakeSocket.last.accept()
  vi.advanceTimersByTime(20_000)
  page.show()
  expect(FakeSocket.last.frames('ping')).toHaveLength(0)
  vi.advanceTimersByTime(30_000)
  expect(FakeSocket.last.frames('ping')).toHaveLength(1)
})

test('shown again after long, it asks at once, and drops a link that does not answer', () => {
  const { page, pings, snapshot } = connected()
  page.hide()
  vi.advanceTimersByTime(31_000)
  page.show()
  page.show()
  expect(pings()).toBe(1)
  vi.advanceTimersByTime(5000)
  expect(snapshot().state).toBe(RECONNECTING)
})

test.each([0, -1])(
  'with a connectTimeout of %i an attempt may take as long as it takes',
  (connectTimeout) => {
    const { client, page, snapshot } = setupClient({ connectTimeout })
    client.connect()
    vi.advanceTimersByTime(3_600_000)
    page.hide()
    page.show()
    expect(FakeSocket.all).toHaveLength(1)
    FakeSocket.last.accept()
    expect(snapshot().state).toBe(CONNECTED)
  },
)

test('shown again soon, it does not ask', () => {
  const { page, pings } = connected()
  page.hide()
  vi.advanceTimersByTime(10_000)
  page.show()
  expect(pings()).toBe(0)
})

test('shown again with the connection lost, it dials at once with a fresh series', () => {
  const { page, snapshot, socket } = connected()
  page.hide()
  socket.end()
  for (let i = 0; i < 4; i++) {
    vi.advanceTimersByTime(snapshot().reconnectDelay)
    FakeSocket.last.end()
  }
  expect(snapshot().reconnectAttempt).toBe(5)
  vi.advanceTimersByTime(2000)
  const dials = FakeSocket.all.length
  page.show()
  expect(FakeSocket.all).toHaveLength(dials + 1)
  expect(snapshot()).toMatchObject({ state: RECONNECTING, reconnectAttempt: 0 })
})

test('waking again and again dials at most once a second', () => {
  const { page, socket } = connected()
  vi.advanceTimersByTime(2000)
  socket.end()
  for (let i = 0; i < 50; i++) {
    page.signal('wake')
    if (FakeSocket.last.readyState === 0) FakeSocket.last.end()
    vi.advanceTimersByTime(100)
  }
  expect(FakeSocket.all.length).toBeLessThanOrEqual(7)
})

test('a wake does not shorten a delay that the server asked for', () => {
  const { page, socket } = connected()
  socket.end(4429, 'rate_limited retry_after_ms=8000')
  vi.advanceTimersByTime(3000)
  page.signal('wake')
  vi.advanceTimersByTime(4999)
  expect(FakeSocket.all).toHaveLength(1)
  vi.advanceTimersByTime(1)
  expect(FakeSocket.all).toHaveLength(2)
})

test('a wake revives a connection that was given up, not one that was ended or refused', () => {
  const { client, page, snapshot, socket } = connected({ maxReconnectAttempts: 0 })
  vi.advanceTimersByTime(2000)
  socket.end()
  expect(snapshot().state).toBe(DISCONNECTED)
  page.signal('wake')
  expect(snapshot().state).toBe(CONNECTING)
  FakeSocket.last.accept().end(4403)
  page.signal('wake')
  expect(snapshot().state).toBe(WebSocketState.ERROR)
  client.disconnect()
  page.signal('wake')
  expect(snapshot().state).toBe(DISCONNECTED)
  expect(FakeSocket.all).toHaveLength(2)
})

test('a dial that got stuck while the machine slept is made anew', () => {
  const { client, page } = setupClient()
  client.connect()
  vi.setSystemTime(Date.now() + 60_000)
  page.show()
  expect(FakeSocket.all).toHaveLength(2)
  expect(FakeSocket.live).toHaveLength(1)
})

test('offline asks the link, and believes it when it answers', () => {
  const { page, pings, socket, snapshot } = connected()
  page.signal('offline')
  page.signal('offline')
  expect(pings()).toBe(1)
  socket.receive({ type: 'pong' })
  vi.advanceTimersByTime(5000)
  expect(snapshot().state).toBe(CONNECTED)
})

test('into the back/forward cache without a socket or timer, and out of it with a new one', () => {
  const { page, snapshot, socket } = connected()
  vi.advanceTimersByTime(5000)
  page.signal('suspend')
  expect(socket.closedWith).toBe(1000)
  expect(vi.getTimerCount()).toBe(0)
  page.signal('wake')
  // The old socket's close comes in only now, as in browsers.
  socket.end(1000)
  expect(FakeSocket.live).toHaveLength(1)
  FakeSocket.last.accept()
  expect(snapshot().state).toBe(CONNECTED)
})

test('the back/forward cache does not make a refused connection look like one that is mended', () => {
  const { page, snapshot, socket } = connected()
  socket.end(4403)
  page.signal('suspend')
  expect(snapshot().state).toBe(WebSocketState.ERROR)
})

test('every event of the browser becomes its signal, until listening ends', () => {
  const signals: string[] = []
  const stop = browserPage(window, document).listen((signal) => signals.push(signal))
  const visibility = vi.spyOn(document, 'visibilityState', 'get')
  visibility.mockReturnValue('hidden')
  document.dispatchEvent(new Event('visibilitychange'))
  visibility.mockReturnValue('visible')
  document.dispatchEvent(new Event('visibilitychange'))
  document.dispatchEvent(new Event('freeze'))
  document.dispatchEvent(new Event('resume'))
  for (const name of ['pageshow', 'focus', 'online', 'offline']) window.dispatchEvent(new Event(name))
  window.dispatchEvent(Object.assign(new Event('pagehide'), { persisted: false }))
  window.dispatchEvent(Object.assign(new Event('pagehide'), { persisted: true }))
  expect(signals).toEqual('hidden wake hidden wake wake wake wake offline leave suspend'.split(' '))
  stop()
  window.dispatchEvent(new Event('online'))
  expect(signals).toHaveLength(10)
})
