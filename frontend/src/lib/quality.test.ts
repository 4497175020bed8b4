import { expect, test, vi } from 'vitest'
import { FakeSocket } from '../test/fakeSocket'
import { setupClient } from '../test/setupClient'
import { qualityLevel } from './quality'

test.each([
  [20, 5, 0, 'excellent'],
  [100, 50, 0, 'excellent'],
  [101, 5, 0, 'good'],
  [20, 80, 0, 'good'],
  [500, 20, 0, 'fair'],
  [20, 5, 1, 'fair'],
  [20, 5, 2, 'poor'],
  [1500, 5, 0, 'poor'],
])('rtt %i ms, jitter %i ms, %i missed: %s', (rtt, jitter, missed, level) => {
  expect(qualityLevel(rtt, jitter, missed)).toBe(level)
})

function connected() {
  const setup = setupClient()
  setup.client.connect()
  FakeSocket.last.accept()
  const beat = (rtt: number) => {
    const before = FakeSocket.last.frames('ping').length
    while (FakeSocket.last.frames('ping').length === before) vi.advanceTimersByTime(1)
    vi.advanceTimersByTime(rtt)
    FakeSocket.last.receive({ type: 'pong' })
  }
  return { ...setup, beat, quality: () => setup.client.quality.getSnapshot() }
}

test('nothing is said before the first pong', () => {
  const { quality } = connected()
  expect(quality()).toMatchObject({ level: null, rttMs: null, missedPongs: 0 })
})

test('round trips are smoothed as RFC 6298 does', () => {
  const { beat, quality } = connected()
  beat(100)
  expect(quality()).toMatchObject({ rttMs: 100, jitterMs: 50, level: 'excellent' })
  beat(180)
  expect(quality()).toMatchObject({ rttMs: 110, jitterMs: 57.5, level: 'good' })
})

test('a pong nobody asked for measures nothing', () => {
  const { quality } = connected()
  FakeSocket.last.receive({ type: 'pong' })
  expect(quality().rttMs).toBeNull()
})

test('a missed pong is remembered over the reconnect', () => {
  const { beat, quality } = connected()
  beat(20)
  vi.advanceTimersByTime(35_000)
  expect(quality()).toMatchObject({ level: null, missedPongs: 1 })
  vi.advanceTimersByTime(1000)
  FakeSocket.last.accept()
  beat(20)
  expect(quality()).toMatchObject({ level: 'fair', missedPongs: 1 })
})

test('frames move its own store at most once a second, and never that of the connection', () => {
  const { client, quality } = connected()
  const onQuality = vi.fn()
  const onState = vi.fn()
  client.quality.subscribe(onQuality)
  client.store.subscribe(onState)
  for (let i = 0; i < 1000; i++) FakeSocket.last.receive({ type: 'pong' })
  expect(onQuality).toHaveBeenCalledTimes(1)
  expect(quality().lastFrameAt).toBe(Date.now())
  expect(onState).not.toHaveBeenCalled()
})
