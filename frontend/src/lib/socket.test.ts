import { expect, test, vi } from 'vitest'
import { FakeSocket } from '../test/fakeSocket'
import { setupClient } from '../test/setupClient'
import { MessageType, WebSocketState } from './protocol'

const { CONNECTING, CONNECTED, RECONNECTING, DISCONNECTED, ERROR } = WebSocketState

test('goes from disconnected over connecting to connected, and back', () => {
  const onOpen = vi.fn()
  const onClose = vi.fn()
  const { client, snapshot, page } = setupClient({ onOpen, onClose })
  expect(snapshot().state).toBe(DISCONNECTED)
  client.connect()
  expect(snapshot().state).toBe(CONNECTING)
  FakeSocket.last.accept()
  expect(snapshot().state).toBe(CONNECTED)
  expect(onOpen).toHaveBeenCalledTimes(1)
  client.disconnect()
  expect(snapshot().state).toBe(DISCONNECTED)
  expect(onClose).toHaveBeenCalledTimes(1)
  expect(FakeSocket.last.closedWith).toBe(1000)
  expect(vi.getTimerCount()).toBe(0)
  expect(page.listeners.size).toBe(0)
})

test('does nothing before connect', () => {
  const { page } = setupClient()
  expect(FakeSocket.all).toHaveLength(0)
  expect(vi.getTimerCount()).toBe(0)
  expect(page.listeners.size).toBe(0)
})

test('connect twice makes one socket', () => {
  const { client } = setupClient()
  client.connect()
  client.connect()
  FakeSocket.last.accept()
  client.connect()
  expect(FakeSocket.all).toHaveLength(1)
})

test.each([undefined, ''])('without a URL (%j) stays disconnected, without an error', (url) => {
  const { client, snapshot } = setupClient({ url })
  client.connect()
  client.reconnect()
  expect(snapshot()).toMatchObject({ state: DISCONNECTED, lastError: null })
  expect(FakeSocket.all).toHaveLength(0)
})

test('where there is no WebSocket says so, and what to do', () => {
  const { client, snapshot } = setupClient({}, { WebSocket: undefined })
  client.connect()
  expect(snapshot()).toMatchObject({ state: ERROR, lastError: { kind: 'config' } })
  expect(snapshot().lastError?.message).toContain('{ WebSocket }')
  expect(vi.getTimerCount()).toBe(0)
})

test('a URL that is none is an error that does not repeat the token', () => {
  const { client, snapshot } = setupClient({ url: 'ftp://example.com', token: 'secret' })
  client.connect()
  expect(snapshot()).toMatchObject({ state: ERROR, lastError: { kind: 'config' } })
  expect(JSON.stringify(snapshot())).not.toContain('secret')
  expect(vi.getTimerCount()).toBe(0)
})

test('a relative URL is resolved against the page', () => {
  const { client } = setupClient({ url: '/ws' }, { baseUrl: 'https://api.example.com/events?x=1#y' })
  client.connect()
  expect(FakeSocket.last.url).toBe('wss://api.example.com/ws?v=1')
})

test('the token is URL-encoded', () => {
  const { client } = setupClient({ token: 'a+b&c=d/é' })
  client.connect()
  expect(FakeSocket.last.url).not.toContain('a+b&c')
  expect(FakeSocket.last.query.get('token')).toBe('a+b&c=d/é')
})

test('a lost connection is reconnected by the formula, ten times, then given up', () => {
  const { client, snapshot } = setupClient()
  client.connect()
  FakeSocket.last.accept()
  const delays: number[] = []
  for (let attempt = 1; attempt <= 10; attempt++) {
    FakeSocket.last.end()
    expect(snapshot()).toMatchObject({ state: RECONNECTING, reconnectAttempt: attempt })
    expect(snapshot().nextRetryAt).toBe(Date.now() + snapshot().reconnectDelay)
    delays.push(snapshot().reconnectDelay)
    vi.advanceTimersByTime(snapshot().reconnectDelay)
    expect(snapshot()).toMatchObject({ state: RECONNECTING, nextRetryAt: null })
  }
  expect(delays).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000, 30_000])
  FakeSocket.last.end()
  expect(snapshot()).toMatchObject({ state: DISCONNECTED, lastError: { kind: 'exhausted' } })
  expect(snapshot().lastError?.message).toContain('10 attempts')
  expect(FakeSocket.all).toHaveLength(11)
  expect(vi.getTimerCount()).toBe(0)
})

test('after giving up, reconnect starts afresh', () => {
  const { client, snapshot } = setupClient({ maxReconnectAttempts: 0 })
  client.connect()
  FakeSocket.last.end()
  expect(snapshot().state).toBe(DISCONNECTED)
  vi.advanceTimersByTime(1000)
  client.reconnect()
  expect(snapshot().state).toBe(CONNECTING)
  FakeSocket.last.accept()
  expect(snapshot()).toMatchObject({ state: CONNECTED, lastError: null })
})

test('the counter starts from 0 only after 5 s of a good connection', () => {
  const { client, snapshot } = setupClient()
  client.connect()
  FakeSocket.last.accept().end()
  vi.advanceTimersByTime(1000)
  FakeSocket.last.accept()
  vi.advanceTimersByTime(4999)
  FakeSocket.last.end()
  expect(snapshot()).toMatchObject({ reconnectAttempt: 2, reconnectDelay: 2000 })
  vi.advanceTimersByTime(2000)
  FakeSocket.last.accept()
  vi.advanceTimersByTime(5000)
  expect(snapshot().reconnectAttempt).toBe(0)
  FakeSocket.last.end()
  expect(snapshot()).toMatchObject({ reconnectAttempt: 1, reconnectDelay: 1000 })
})

test('the delay of a close reason wins over the backoff', () => {
  const { client, snapshot } = setupClient()
  client.connect()
  FakeSocket.last.accept().end(1012, 'restart retry_after_ms=7300')
  expect(snapshot()).toMatchObject({ reconnectDelay: 7300, lastError: { code: 1012 } })
  vi.advanceTimersByTime(7299)
  expect(FakeSocket.all).toHaveLength(1)
  vi.advanceTimersByTime(1)
  expect(FakeSocket.all).toHaveLength(2)
})

test('the delay of a reconnect frame wins over the backoff', () => {
  const { client, snapshot } = setupClient()
  client.connect()
  FakeSocket.last.accept().receive({ type: 'reconnect', data: { after_ms: 2300 } })
  FakeSocket.last.end(1012)
  expect(snapshot().reconnectDelay).toBe(2300)
})

test.each([1002, 1008, 4403, 4404])('close %i stops in error', (code) => {
  const { client, snapshot } = setupClient()
  client.connect()
  FakeSocket.last.accept().end(code)
  expect(snapshot()).toMatchObject({ state: ERROR, lastError: { code } })
  expect(vi.getTimerCount()).toBe(0)
})

test('an error event alone changes no state', () => {
  const onError = vi.fn()
  const { client, snapshot } = setupClient({ onError })
  client.connect()
  FakeSocket.last.accept()
  const before = snapshot()
  FakeSocket.last.onerror?.(new Event('error'))
  expect(onError).toHaveBeenCalledTimes(1)
  expect(snapshot()).toBe(before)
})

test('a dial that hangs is abandoned after the connect timeout', () => {
  const { client, snapshot } = setupClient()
  client.connect()
  vi.advanceTimersByTime(10_000)
  expect(snapshot()).toMatchObject({ state: RECONNECTING, lastError: { kind: 'timeout' } })
  expect(FakeSocket.live).toHaveLength(0)
})

test('late events of an abandoned socket are ignored', () => {
  const onMessage = vi.fn()
  const { client, snapshot } = setupClient({ onMessage })
  client.connect()
  const old = FakeSocket.last.accept()
  vi.advanceTimersByTime(1000)
  client.reconnect()
  FakeSocket.last.accept()
  old.onmessage?.(new MessageEvent('message', { data: '{"type":"pong"}' }))
  old.end()
  expect(onMessage).not.toHaveBeenCalled()
  expect(snapshot().state).toBe(CONNECTED)
  expect(FakeSocket.live).toHaveLength(1)
})

test('reconnect is made at once, but at most once a second', () => {
  const { client, snapshot } = setupClient()
  client.connect()
  FakeSocket.last.accept()
  client.reconnect()
  client.reconnect()
  expect(snapshot().state).toBe(RECONNECTING)
  expect(FakeSocket.all).toHaveLength(1)
  vi.advanceTimersByTime(1000)
  expect(FakeSocket.all).toHaveLength(2)
  client.reconnect()
  expect(FakeSocket.all).toHaveLength(2)
})

test('with reconnect off, a loss is the end', () => {
  const { client, snapshot, page } = setupClient({ reconnect: false })
  client.connect()
  FakeSocket.last.accept().end()
  page.show()
  expect(snapshot().state).toBe(DISCONNECTED)
  expect(FakeSocket.all).toHaveLength(1)
  expect(vi.getTimerCount()).toBe(0)
})

test('send tells whether the message went out, waits, or neither', () => {
  const { client } = setupClient()
  const message = { type: 'custom', data: { a: 1 } }
  expect(client.send(message)).toBe(false)
  client.connect()
  expect(client.send(message)).toBe('queued')
  FakeSocket.last.accept()
  expect(client.send(message)).toBe('sent')
  expect(FakeSocket.last.frames()).toEqual([message, message])
  FakeSocket.last.end()
  expect(client.send(message)).toBe('queued')
  client.disconnect()
  expect(client.send(message)).toBe(false)
})

test('messages reach their handlers, onMessage first', () => {
  const calls: unknown[] = []
  const { client } = setupClient({
    onMessage: (message) => calls.push(message.type),
    onEventCreated: (event) => calls.push(event),
    onEventUpdate: (event) => calls.push(event),
    onEventDeleted: (id) => calls.push(id),
    onMetricsUpdate: (metrics) => calls.push(metrics),
  })
  client.connect()
  FakeSocket.last.accept()
  const event = { id: 'evt_1', status: 'pending' }
  const metrics = { total_events: 1, pending_events: 1, delivered_events: 0, failed_events: 0 }
  FakeSocket.last.receive({ type: 'event_created', data: event })
  FakeSocket.last.receive({ type: 'event_update', data: event })
  FakeSocket.last.receive({ type: 'event_deleted', data: { id: 'evt_1' } })
  FakeSocket.last.receive({ type: 'metrics_update', data: metrics })
  FakeSocket.last.receive({ type: 'error', error: 'no', code: 'invalid' })
  expect(calls).toEqual([
    MessageType.EVENT_CREATED,
    event,
    MessageType.EVENT_UPDATE,
    event,
    MessageType.EVENT_DELETED,
    'evt_1',
    MessageType.METRICS_UPDATE,
    metrics,
    MessageType.ERROR,
  ])
})

test('what is not understood is counted; of a type that is not known, it is handed to onMessage', () => {
  const onMessage = vi.fn()
  const { client, snapshot } = setupClient({ onMessage })
  client.connect()
  FakeSocket.last.accept()
  for (const raw of ['{"type":"weather"}', '{', 'null', '{"type":"event_update","data":{}}']) {
    FakeSocket.last.receive(raw)
  }
  expect(onMessage.mock.calls).toEqual([[{ type: 'weather' }]])
  expect(client.stats).toEqual({ unknown: 1, refused: 3, duplicates: 0 })
  expect(snapshot().state).toBe(CONNECTED)
})

test('a handler that throws harms neither the connection nor the other handlers', () => {
  const log = vi.spyOn(console, 'error').mockImplementation(() => undefined)
  const onEventDeleted = vi.fn()
  const fail = () => {
    throw new Error('application bug')
  }
  const { client, snapshot } = setupClient({ onOpen: fail, onMessage: fail, onEventDeleted, onClose: fail })
  client.connect()
  FakeSocket.last.accept().receive({ type: 'event_deleted', data: { id: 'evt_1' } })
  expect(onEventDeleted).toHaveBeenCalledWith('evt_1')
  expect(snapshot().state).toBe(CONNECTED)
  FakeSocket.last.end()
  expect(snapshot().state).toBe(RECONNECTING)
  expect(log).toHaveBeenCalledTimes(3)
})

test('a handler may disconnect in the middle of a batch', () => {
  const onEventDeleted = vi.fn(() => client.disconnect())
  const { client } = setupClient({ onEventDeleted })
  client.connect()
  const deleted = (id: string) => ({ type: 'event_deleted', data: { id } })
  FakeSocket.last.accept().receive({ type: 'batch', data: [deleted('a'), deleted('b')] })
  expect(onEventDeleted.mock.calls).toEqual([['a']])
  expect(vi.getTimerCount()).toBe(0)
})

test('the snapshot is frozen, and the same until something changes', () => {
  const { client, snapshot } = setupClient()
  const listener = vi.fn()
  client.store.subscribe(listener)
  client.connect()
  FakeSocket.last.accept()
  vi.advanceTimersByTime(5000)
  const before = snapshot()
  expect(Object.isFrozen(before)).toBe(true)
  listener.mockClear()
  for (let i = 0; i < 1000; i++) {
    FakeSocket.last.receive({ type: 'event_update', data: { id: `evt_${i}`, status: 'delivered' } })
  }
  expect(listener).not.toHaveBeenCalled()
  expect(snapshot()).toBe(before)
})

test('a ping of the server is answered', () => {
  const { client } = setupClient()
  client.connect()
  FakeSocket.last.accept().receive({ type: 'ping' })
  expect(FakeSocket.last.frames('pong')).toHaveLength(1)
})
