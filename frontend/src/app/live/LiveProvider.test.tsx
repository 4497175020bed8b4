import { QueryClientProvider } from '@tanstack/react-query'
import { act, render } from '@testing-library/react'
import { StrictMode } from 'react'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { AuthProvider } from '../auth/AuthProvider'
import { Session } from '../auth/session'
import type { Live } from '../../lib/query/context'
import { useLiveMetrics } from '../../lib/query/useLiveMetrics'
import { createQueryClient } from '../queries'
import { useLive } from './context'
import { LiveProvider } from './LiveProvider'
import { liveSettings } from './settings'

/** A connection that opens and closes when the test says so. */
class FakeWebSocket {
  static latest: FakeWebSocket | null = null
  readyState = 0
  onopen: ((e: unknown) => void) | null = null
  onmessage: ((e: unknown) => void) | null = null
  onclose: ((e: unknown) => void) | null = null
  onerror: ((e: unknown) => void) | null = null
  constructor(readonly url: string) {
    FakeWebSocket.latest = this
  }
  send(): void {}
  close(): void {
    this.readyState = 3
  }
  open(): void {
    this.readyState = 1
    this.onopen?.({})
    const data = { session: 's', seq: 1, resumed: false }
    this.onmessage?.({ data: JSON.stringify({ type: 'session', data }) })
  }
  lose(): void {
    this.readyState = 3
    this.onclose?.({ code: 1006, reason: '', wasClean: false })
  }
}

const summary = { total: 1, pending: 1, delivered: 0, failed: 0, success_rate: 0, seq: 1 }
const fetched = vi.fn<typeof fetch>()
const seen: { live?: Live } = {}

function Reader() {
  useLiveMetrics()
  const live = useLive()
  Object.assign(seen, { live })
  return null
}

beforeEach(() => {
  vi.useFakeTimers()
  FakeWebSocket.latest = null
  vi.stubGlobal('WebSocket', FakeWebSocket)
  fetched.mockReset().mockImplementation(() => Promise.resolve(Response.json(summary)))
  vi.stubGlobal('fetch', fetched)
  const stored = { token: 't', expiresAt: Date.now() + 86_400_000, renewAt: Date.now() + 80_000_000 }
  localStorage.setItem('apier.session', JSON.stringify(stored))
})
afterEach(() => vi.useRealTimers())

function show(built?: string) {
  const settings = liveSettings({ built, served: null, location: window.location })
  render(
    <StrictMode>
      <AuthProvider session={new Session(localStorage, sessionStorage)}>
        <QueryClientProvider client={createQueryClient()}>
          <LiveProvider settings={settings}>
            <Reader />
          </LiveProvider>
        </QueryClientProvider>
      </AuthProvider>
    </StrictMode>,
  )
}

const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms))
const requestsWhile = async (ms: number) => {
  fetched.mockClear()
  await pass(ms)
  return fetched.mock.calls.length
}

it('without a WebSocket polls every 10 s, not while paused', async () => {
  show('off')
  await pass(100)
  expect(seen.live?.ws.isDisconnected).toBe(true)
  expect(await requestsWhile(30_000)).toBe(3)
  act(() => seen.live?.setPaused(true))
  expect(await requestsWhile(60_000)).toBe(0)
})

it('does not poll while connected, does after a loss, and fetches once when it is back', async () => {
  show()
  await pass(100)
  act(() => FakeWebSocket.latest?.open())
  await pass(1000)
  expect(seen.live?.ws.isConnected).toBe(true)
  expect(await requestsWhile(29_000)).toBe(0)
  act(() => FakeWebSocket.latest?.lose())
  expect(await requestsWhile(10_500)).toBe(1)
  act(() => FakeWebSocket.latest?.open())
  expect(await requestsWhile(5000)).toBe(1)
})
