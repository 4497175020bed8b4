import { expect, test, vi } from 'vitest'
import { FakeSocket } from '../test/fakeSocket'
import { setupClient } from '../test/setupClient'
import { FakeStorage } from './testing'

/** A page that was connected, saw seq 42 and is reloaded; the client is that of the next load. */
function reloaded(options = {}, storage = new FakeStorage()) {
  const onResync = vi.fn()
  const first = setupClient({ token: 'secret', ...options }, { storage })
  first.client.connect()
  FakeSocket.last.accept().greet({ session: 's1', seq: 40 })
  FakeSocket.last.receive({ type: 'event_deleted', data: { id: 'a' }, channel: 'events', seq: 42 })
  first.page.signal('leave')
  const next = setupClient({ token: 'secret', onResync, ...options }, { storage })
  next.client.connect()
  return { ...next, onResync, storage }
}

test('a page that is loaded anew goes on with the session', () => {
  const { snapshot, onResync } = reloaded()
  expect(FakeSocket.last.query.get('session')).toBe('s1')
  expect(FakeSocket.last.query.get('after')).toBe('42')
  FakeSocket.last.accept()
  expect(snapshot().state).toBe('connecting')
  FakeSocket.last.greet({ session: 's1', seq: 50, resumed: true })
  expect(snapshot()).toMatchObject({ state: 'connected', resumed: true })
  expect(onResync).not.toHaveBeenCalled()
})

test('a session that is over is told of', () => {
  const { snapshot, onResync } = reloaded()
  FakeSocket.last.accept().greet({ session: 's2', resumed: false })
  expect(snapshot().resumed).toBe(false)
  expect(onResync.mock.calls).toEqual([['not_resumed']])
})

test('what is kept holds no token, and the next attempt shows none in its address', () => {
  const { storage } = reloaded()
  expect(JSON.stringify([...storage.items])).not.toContain('secret')
  expect(FakeSocket.last.url).not.toContain('secret')
  expect(FakeSocket.last.protocols).toEqual(['apier.v1', 'bearer.secret'])
})

test('an explicit disconnect leaves nothing', () => {
  const { client, storage } = reloaded()
  client.disconnect()
  expect(storage.items.size).toBe(0)
})

test('a client that never connected leaves alone what was kept', () => {
  const { storage } = reloaded()
  const other = setupClient({}, { storage })
  other.client.disconnect()
  expect(storage.items.size).toBe(1)
})

test('turned off, nothing is kept', () => {
  const { storage } = reloaded({ persist: false })
  expect(storage.items.size).toBe(0)
  expect(FakeSocket.last.query.has('session')).toBe(false)
})

test.each(['{', 'null', '[]', '{"session":1,"after":2}', '{"session":"s"}'])('%s is not taken up', (text) => {
  const { client } = setupClient({}, { storage: Object.assign(new FakeStorage(), { getItem: () => text }) })
  client.connect()
  expect(FakeSocket.last.query.has('session')).toBe(false)
})

test('storage that is full or barred harms nothing', () => {
  const fail = () => {
    throw new DOMException('full', 'QuotaExceededError')
  }
  const { client, page, snapshot } = setupClient(
    {},
    { storage: { getItem: fail, setItem: fail, removeItem: fail } },
  )
  client.connect()
  FakeSocket.last.accept().greet()
  page.hide()
  client.disconnect()
  expect(snapshot().state).toBe('disconnected')
})
