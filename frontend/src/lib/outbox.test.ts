import { expect, test, vi } from 'vitest'
import { FakeSocket } from '../test/fakeSocket'
import { setupClient } from '../test/setupClient'

const message = (n: number) => ({ type: 'custom', data: { n } })
const sent = () => FakeSocket.last.frames('custom').map((frame) => (frame.data as { n: number }).n)

function connecting(options = {}) {
  const setup = setupClient(options)
  setup.client.connect()
  return setup
}

test('what waits goes out in order, once, when the connection is usable', () => {
  const { client } = connecting()
  for (const n of [1, 2, 3]) expect(client.send(message(n))).toBe('queued')
  FakeSocket.last.accept()
  expect(sent()).toEqual([1, 2, 3])
  FakeSocket.last.end()
  vi.advanceTimersByTime(1000)
  FakeSocket.last.accept()
  expect(sent()).toEqual([])
})

test('with a server that greets it waits for the greeting', () => {
  const { client } = connecting({ dialect: 'v1' })
  client.send(message(1))
  FakeSocket.last.accept()
  expect(sent()).toEqual([])
  FakeSocket.last.greet()
  expect(sent()).toEqual([1])
})

test('the oldest make room when there are too many', () => {
  const { client } = connecting({ outbox: { maxMessages: 2 } })
  for (const n of [1, 2, 3]) client.send(message(n))
  FakeSocket.last.accept()
  expect(sent()).toEqual([2, 3])
})

test('the oldest make room when they are too big together; one that is too big alone is refused', () => {
  const { client } = connecting({ outbox: { maxBytes: 70 } })
  for (const n of [1, 2, 3]) client.send(message(n))
  expect(client.send({ type: 'custom', data: 'x'.repeat(200) })).toBe(false)
  FakeSocket.last.accept()
  expect(sent()).toEqual([2, 3])
})

test('what waited too long does not go out', async () => {
  const { client } = connecting({ outbox: { maxAge: 2000 } })
  const delivery = client.sendWithAck(message(1))
  vi.advanceTimersByTime(1000)
  client.send(message(2))
  vi.advanceTimersByTime(1000)
  FakeSocket.last.accept()
  expect(sent()).toEqual([2])
  await expect(delivery).resolves.toBe('expired')
})

test('turned off, nothing waits', async () => {
  const { client } = connecting({ outbox: { maxMessages: 0 } })
  expect(client.send(message(1))).toBe(false)
  await expect(client.sendWithAck(message(2))).resolves.toBe('dropped')
})

test.each([
  ['acked', { type: 'subscribe', data: { channel: 'x' } }],
  ['dropped', { type: 'error', error: 'no', code: 'invalid' }],
])('the answer with its id says %s', async (expected, answer) => {
  const { client } = connecting()
  FakeSocket.last.accept()
  const delivery = client.sendWithAck(message(1))
  FakeSocket.last.receive({ type: 'pong', id: 'another' })
  FakeSocket.last.receive({ ...answer, id: FakeSocket.last.frames('custom')[0]?.id })
  await expect(delivery).resolves.toBe(expected)
})

test('an own id is kept', async () => {
  const { client } = connecting()
  FakeSocket.last.accept()
  const delivery = client.sendWithAck({ type: 'ping', id: 'mine' })
  FakeSocket.last.receive({ type: 'pong', id: 'mine' })
  await expect(delivery).resolves.toBe('acked')
})

test('two with the same id each have an answer, in their order', async () => {
  const { client } = connecting()
  FakeSocket.last.accept()
  const first = client.sendWithAck({ type: 'ping', id: 'same' })
  const second = client.sendWithAck({ type: 'ping', id: 'same' })
  FakeSocket.last.receive({ type: 'pong', id: 'same' })
  FakeSocket.last.receive({ type: 'error', error: 'no', code: 'invalid', id: 'same' })
  await expect(Promise.all([first, second])).resolves.toEqual(['acked', 'dropped'])
})

test('two with the same id that have one answer both settle', async () => {
  const { client } = connecting()
  FakeSocket.last.accept()
  const first = client.sendWithAck({ type: 'ping', id: 'same' })
  const second = client.sendWithAck({ type: 'ping', id: 'same' })
  FakeSocket.last.receive({ type: 'pong', id: 'same' })
  client.disconnect()
  await expect(Promise.all([first, second])).resolves.toEqual(['acked', 'dropped'])
})

test('what waits is none the wiser when another with its id is answered', async () => {
  const { client } = connecting()
  FakeSocket.last.accept()
  const first = client.sendWithAck({ type: 'ping', id: 'same' })
  FakeSocket.last.readyState = 2
  const second = client.sendWithAck({ type: 'ping', id: 'same' })
  FakeSocket.last.readyState = 1
  FakeSocket.last.receive({ type: 'pong', id: 'same' })
  FakeSocket.last.receive({ type: 'pong', id: 'same' })
  client.disconnect()
  await expect(Promise.all([first, second])).resolves.toEqual(['acked', 'dropped'])
})

test('without an answer it expires; the promise settles once', async () => {
  const { client } = connecting()
  FakeSocket.last.accept()
  const delivery = client.sendWithAck(message(1))
  vi.advanceTimersByTime(30_000)
  FakeSocket.last.receive({ type: 'pong' })
  vi.advanceTimersByTime(30_000)
  await expect(delivery).resolves.toBe('expired')
})

test('what had no answer when the connection was lost goes out again, before what came later', () => {
  const { client } = connecting()
  FakeSocket.last.accept()
  void client.sendWithAck(message(1))
  FakeSocket.last.end()
  client.send(message(2))
  vi.advanceTimersByTime(1000)
  FakeSocket.last.accept()
  expect(sent()).toEqual([1, 2])
})

test('disconnect gives up what waits, and leaves no timer', async () => {
  const { client } = connecting()
  const delivery = client.sendWithAck(message(1))
  client.disconnect()
  await expect(delivery).resolves.toBe('dropped')
  expect(vi.getTimerCount()).toBe(0)
})

test('what may wait for a year does not keep the page busy', () => {
  const waits: number[] = []
  const { client } = setupClient(
    { outbox: { maxAge: 365 * 86_400_000 } },
    {
      setTimeout: (run, ms) => {
        waits.push(ms)
        return setTimeout(run, ms)
      },
    },
  )
  client.connect()
  FakeSocket.last.accept()
  void client.sendWithAck({ type: 'hello' })
  FakeSocket.last.end(4403)
  // A browser's timer fires at once above this.
  expect(Math.max(...waits)).toBeLessThan(2 ** 31)
  client.disconnect()
})
