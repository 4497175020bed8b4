import { act, render, renderHook, screen } from '@testing-library/react'
import { StrictMode, useState } from 'react'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FakeSocket } from '../test/fakeSocket'
import { useWebSocket, WebSocketState } from './useWebSocket'
import type { UseWebSocketConfig } from './useWebSocket'

const url = 'wss://example.com/ws'

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0)
  vi.stubGlobal('WebSocket', FakeSocket)
  FakeSocket.all = []
})

afterEach(() => {
  sessionStorage.clear()
  vi.unstubAllEnvs()
})

/** The hook under StrictMode; what is scheduled for now has run. */
function setup(config: UseWebSocketConfig = { url }) {
  const hook = renderHook((props: UseWebSocketConfig) => useWebSocket(props), {
    initialProps: config,
    wrapper: StrictMode,
  })
  act(() => void vi.advanceTimersByTime(0))
  return hook
}

/** What follows an unmount has happened; no time has passed. */
const settle = () => Promise.resolve()

const open = () => act(() => void FakeSocket.last.accept())

test('returns what the integration guide shows, and the additions', () => {
  const { result } = setup()
  expect(Object.keys(result.current).sort()).toEqual(
    [
      ...['state', 'isConnected', 'isConnecting', 'isDisconnected', 'isError', 'reconnectAttempt'],
      ...['reconnectDelay', 'lastError', 'send', 'connect', 'disconnect', 'reconnect', 'subscribe'],
      ...['unsubscribe', 'nextRetryAt', 'resumed', 'quality', 'sendWithAck', 'client'],
    ].sort(),
  )
})

test('StrictMode leaves exactly one live socket', () => {
  const { result } = setup()
  expect(FakeSocket.all).toHaveLength(1)
  open()
  expect(result.current).toMatchObject({ state: WebSocketState.CONNECTED, isConnected: true })
  expect(FakeSocket.live).toHaveLength(1)
})

test('unmount leaves no socket, no timer and no listener', async () => {
  const onClose = vi.fn()
  const added = vi.spyOn(window, 'addEventListener')
  const removed = vi.spyOn(window, 'removeEventListener')
  const { unmount } = setup({ url, onClose })
  open()
  unmount()
  await settle()
  expect(FakeSocket.live).toHaveLength(0)
  expect(vi.getTimerCount()).toBe(0)
  const online = (calls: unknown[][]) => calls.filter(([name]) => name === 'online').length
  expect(online(removed.mock.calls)).toBe(online(added.mock.calls))
  expect(onClose).not.toHaveBeenCalled()
})

test('unmount while waiting to reconnect leaves nothing either', async () => {
  const { unmount } = setup()
  act(() => FakeSocket.last.end())
  unmount()
  await settle()
  vi.advanceTimersByTime(120_000)
  expect(FakeSocket.all).toHaveLength(1)
  expect(vi.getTimerCount()).toBe(0)
})

test('the first render says connecting, not disconnected', () => {
  const states: WebSocketState[] = []
  renderHook(() => states.push(useWebSocket({ url }).state))
  expect(new Set(states)).toEqual(new Set([WebSocketState.CONNECTING]))
})

test('without a URL it is disconnected, without an error', () => {
  vi.stubEnv('VITE_WEBSOCKET_URL', '')
  const { result } = setup({})
  expect(result.current).toMatchObject({ isDisconnected: true, isError: false, lastError: null })
  act(() => result.current.connect())
  expect(FakeSocket.all).toHaveLength(0)
})

test('the URL comes from VITE_WEBSOCKET_URL', () => {
  vi.stubEnv('VITE_WEBSOCKET_URL', 'wss://env.example.com/ws')
  setup({})
  expect(FakeSocket.last.url).toContain('wss://env.example.com/ws')
})

// FAULTS F2: where there is no browser, as in React Native, the surroundings are given.
test('the WebSocket, the address and the storage can be given', () => {
  vi.stubGlobal('WebSocket', undefined)
  const storage = { getItem: vi.fn(() => null), setItem: vi.fn(), removeItem: vi.fn() }
  const env = { WebSocket: FakeSocket, baseUrl: 'https://given.example.com/', storage }
  const { result } = setup({ url: '/live', env })
  expect(FakeSocket.last.url).toContain('wss://given.example.com/live')
  expect(storage.getItem).toHaveBeenCalled()
  open()
  expect(result.current.isConnected).toBe(true)
})

test('disabled it is disconnected; enabling connects, disabling ends', () => {
  const { result, rerender } = setup({ url, enabled: false })
  expect(result.current.isDisconnected).toBe(true)
  expect(FakeSocket.all).toHaveLength(0)
  rerender({ url, enabled: true })
  open()
  expect(result.current.isConnected).toBe(true)
  rerender({ url, enabled: false })
  expect(result.current.isDisconnected).toBe(true)
  expect(FakeSocket.live).toHaveLength(0)
})

test('a page whose token comes late goes on with the session of the page before', async () => {
  const before = setup({ url, token: 't' })
  act(() => FakeSocket.last.accept().greet({ session: 's1', seq: 42 }))
  window.dispatchEvent(new Event('pagehide'))
  const kept = { ...sessionStorage } as Record<string, string>
  before.unmount()
  await settle()
  for (const [key, value] of Object.entries(kept)) sessionStorage.setItem(key, value)
  const { rerender } = setup({ url, enabled: false })
  rerender({ url, token: 't', enabled: true })
  expect(FakeSocket.last.query.get('session')).toBe('s1')
  expect(FakeSocket.last.query.get('after')).toBe('42')
})

test('handlers are always those of the latest render', () => {
  const first = vi.fn()
  const second = vi.fn()
  const { rerender } = setup({ url, onEventDeleted: first })
  open()
  rerender({ url, onEventDeleted: second })
  act(() => FakeSocket.last.receive({ type: 'event_deleted', data: { id: 'evt_1' } }))
  expect(first).not.toHaveBeenCalled()
  expect(second).toHaveBeenCalledWith('evt_1')
  expect(FakeSocket.all).toHaveLength(1)
})

test('a new token does not tear the connection down; the next attempt uses it', () => {
  const { rerender } = setup({ url, token: 't1' })
  open()
  rerender({ url, token: 't2' })
  expect(FakeSocket.all).toHaveLength(1)
  act(() => FakeSocket.last.end())
  act(() => void vi.advanceTimersByTime(1000))
  expect(FakeSocket.last.query.get('token')).toBe('t2')
})

test('another URL is another connection, and the old one ends', () => {
  const { rerender } = setup()
  open()
  rerender({ url: 'wss://other.example.com/ws' })
  act(() => void vi.advanceTimersByTime(0))
  expect(FakeSocket.live.map((socket) => new URL(socket.url).host)).toEqual(['other.example.com'])
})

test('the functions stay the same over renders and states', () => {
  const { result, rerender } = setup()
  const { send, connect, disconnect, reconnect, subscribe, unsubscribe } = result.current
  open()
  rerender({ url, onOpen: () => undefined })
  expect(result.current).toMatchObject({ send, connect, disconnect, reconnect, subscribe, unsubscribe })
})

test('disconnect holds until connect', () => {
  const { result } = setup()
  open()
  act(() => result.current.disconnect())
  act(() => void window.dispatchEvent(new Event('online')))
  expect(result.current.isDisconnected).toBe(true)
  act(() => result.current.connect())
  open()
  expect(result.current.isConnected).toBe(true)
})

test('a thousand messages cause no render by themselves', () => {
  let renders = 0
  let received = 0
  function Page() {
    renders++
    const { state } = useWebSocket({ url, onEventUpdate: () => received++ })
    return <p>{state}</p>
  }
  render(<Page />)
  open()
  const before = renders
  // One act for each, as each comes in a task of its own.
  for (let i = 0; i < 1000; i++) {
    act(() =>
      FakeSocket.last.receive({ type: 'event_update', data: { id: `evt_${i}`, status: 'delivered' } }),
    )
  }
  expect(received).toBe(1000)
  expect(renders).toBe(before)
  expect(renders).toBeLessThanOrEqual(5)
})

test('a handler may set state, and sees the latest', () => {
  function Counter() {
    const [count, setCount] = useState(0)
    useWebSocket({ url, onEventDeleted: () => setCount(count + 1) })
    return <p>count {count}</p>
  }
  render(<Counter />, { wrapper: StrictMode })
  open()
  for (let i = 0; i < 3; i++) {
    act(() => FakeSocket.last.receive({ type: 'event_deleted', data: { id: `evt_${i}` } }))
  }
  expect(screen.getByText('count 3')).toBeTruthy()
})
