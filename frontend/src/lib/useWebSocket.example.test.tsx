import { act, fireEvent, render, screen } from '@testing-library/react'
import { StrictMode } from 'react'
import type { ReactElement } from 'react'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FakeSocket } from '../test/fakeSocket'
import {
  CustomMessages,
  DashboardPage,
  EventsPage,
  ManualControl,
  OptimisticSend,
} from './useWebSocket.example'

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('WebSocket', FakeSocket)
  vi.stubEnv('VITE_WEBSOCKET_URL', 'wss://example.com/ws')
  FakeSocket.all = []
})

afterEach(() => {
  vi.unstubAllEnvs()
})

const settle = (ms = 0) => act(() => vi.advanceTimersByTimeAsync(ms))
const open = () => act(() => Promise.resolve(FakeSocket.last.accept()))
const receive = (frame: unknown) => act(() => Promise.resolve(FakeSocket.last.receive(frame)))

async function show(page: ReactElement) {
  render(page, { wrapper: StrictMode })
  await settle()
}

const metrics = (total: number) => ({
  total_events: total,
  pending_events: 0,
  delivered_events: total,
  failed_events: 0,
})

test('DashboardPage polls until it is connected, and again when the connection is lost', async () => {
  const load = vi.fn(() => Promise.resolve(metrics(7)))
  await show(<DashboardPage token="t" load={load} />)
  expect(screen.getByText('Total: 7')).toBeTruthy()
  await open()
  load.mockClear()
  await settle(25_000)
  expect(load).not.toHaveBeenCalled()
  await receive({ type: 'metrics_update', data: metrics(8) })
  expect(screen.getByText('Total: 8')).toBeTruthy()
  expect(screen.getByRole('status').textContent).toBe('Connected')
  act(() => FakeSocket.last.end())
  await settle(1000)
  expect(load).toHaveBeenCalled()
  expect(screen.getByText('polling every 10 s')).toBeTruthy()
})

test('EventsPage loads when connected and follows each change', async () => {
  const load = vi.fn(() => Promise.resolve([{ id: 'evt_1', status: 'pending' as const }]))
  await show(<EventsPage token="t" load={load} />)
  await open()
  expect(load).toHaveBeenCalledTimes(1)
  await receive({ type: 'event_update', data: { id: 'evt_1', status: 'delivered' } })
  await receive({ type: 'event_created', data: { id: 'evt_2', status: 'pending' } })
  const rows = () => screen.getAllByRole('listitem').map((row) => row.textContent)
  expect(rows()).toEqual(['evt_2: pending', 'evt_1: delivered'])
  await receive({ type: 'event_deleted', data: { id: 'evt_1' } })
  expect(rows()).toEqual(['evt_2: pending'])
})

test('OptimisticSend shows the row at once, and takes it back when the server refuses', async () => {
  const post = vi.fn(() => Promise.resolve({ id: 'evt_1' }))
  await show(<OptimisticSend token="t" post={post} />)
  await open()
  const rows = () => screen.queryAllByRole('listitem').map((row) => row.textContent)
  fireEvent.click(screen.getByText('Send event'))
  expect(rows()).toHaveLength(1)
  await receive({ type: 'event_created', data: { id: 'evt_1', status: 'pending' } })
  await receive({ type: 'event_update', data: { id: 'evt_1', status: 'delivered' } })
  await settle()
  expect(rows()).toEqual(['evt_1: delivered'])
  post.mockRejectedValueOnce(new Error('refused'))
  fireEvent.click(screen.getByText('Send event'))
  expect(rows()).toHaveLength(2)
  await settle()
  expect(rows()).toEqual(['evt_1: delivered'])
})

test('CustomMessages subscribes, and shows what the server answers', async () => {
  await show(<CustomMessages token="t" channel="event:evt_1" />)
  fireEvent.click(screen.getByText('Ping'))
  expect(screen.getByText('ping queued')).toBeTruthy()
  await open()
  expect(FakeSocket.last.frames()).toEqual([
    { type: 'subscribe', data: { channel: 'event:evt_1' } },
    { type: 'ping', id: 'mine' },
  ])
  await receive({ type: 'subscribe', data: { channel: 'event:evt_1', status: 'subscribed' } })
  await receive({ type: 'error', error: 'Not <b>allowed</b>.', code: 'forbidden' })
  expect(screen.getByText(/subscribed to event:evt_1/).textContent).toContain('Not <b>allowed</b>.')
  fireEvent.click(screen.getByText('Ping'))
  expect(FakeSocket.last.frames('ping')).toHaveLength(2)
})

test('ManualControl connects and disconnects by hand, and leaves nothing when it goes', async () => {
  const { unmount } = render(<ManualControl token="t" />, { wrapper: StrictMode })
  await settle()
  expect(FakeSocket.all).toHaveLength(0)
  fireEvent.click(screen.getByText('Connect'))
  await open()
  expect(screen.getByRole('status').textContent).toBe('Connected')
  fireEvent.click(screen.getByText('Disconnect'))
  expect(screen.getByRole('status').textContent).toBe('Disconnected')
  await settle(1000)
  fireEvent.click(screen.getByText('Reconnect'))
  await open()
  unmount()
  await settle()
  expect(FakeSocket.live).toHaveLength(0)
  expect(vi.getTimerCount()).toBe(0)
})
