import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act, fireEvent, render, screen } from '@testing-library/react'
import { StrictMode } from 'react'
import type { ReactElement } from 'react'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { anEvent } from '../test/events'
import { FakeApi } from '../test/fakeApi'
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

const withCache = (page: ReactElement) => (
  <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
    {page}
  </QueryClientProvider>
)
const rows = () => screen.queryAllByRole('listitem').map((row) => row.textContent)
const event = { type: 'order.created', source: 'shop', payload: { total: 12 } }

/** Answers every list that was asked for. */
async function answerLists(api: FakeApi, ids: string[]) {
  for (const asked of api.lists) {
    asked.answer({ events: ids.map((id) => anEvent({ id })), has_more: false, seq: 10 })
  }
  await settle(500)
}

test('EventsPage joins its list and the stream, and follows each change', async () => {
  const api = new FakeApi()
  await show(withCache(<EventsPage token="t" api={api} />))
  await open()
  await receive({ type: 'event_created', seq: 11, data: anEvent({ id: 'evt_2', ...event, seq: 11 }) })
  await answerLists(api, ['evt_1'])
  await answerLists(api, ['evt_1'])
  expect(rows()).toEqual(['evt_2: pending', 'evt_1: pending'])
  await receive({ type: 'event_update', seq: 12, data: { id: 'evt_1', status: 'delivered' } })
  await settle(500)
  expect(rows()).toEqual(['evt_2: pending', 'evt_1: delivered'])
  await receive({ type: 'event_deleted', seq: 13, data: { id: 'evt_1' } })
  await settle(500)
  expect(rows()).toEqual(['evt_2: pending'])
})

test('OptimisticSend shows the row at once, and takes it back when the server refuses', async () => {
  const api = new FakeApi()
  await show(withCache(<OptimisticSend token="t" api={api} />))
  await open()
  await answerLists(api, [])
  await answerLists(api, [])
  fireEvent.click(screen.getByText('Send event'))
  await settle()
  expect(rows()).toEqual([expect.stringMatching(/: sending$/)])
  await receive({ type: 'event_created', seq: 11, data: anEvent({ id: 'evt_1', ...event, seq: 11 }) })
  await settle(500)
  expect(rows()).toEqual(['evt_1: pending'])
  api.created[0]?.answer({ id: 'evt_1', status: 'pending', timestamp: anEvent().created_at, seq: 11 })
  await settle(500)
  expect(rows()).toEqual(['evt_1: pending'])
  fireEvent.click(screen.getByText('Send event'))
  await settle()
  expect(rows()).toHaveLength(2)
  api.created[1]?.refuse(new Error('refused'))
  await settle(500)
  expect(rows()).toEqual(['evt_1: pending'])
  expect(screen.getByRole('alert').textContent).toBe('refused')
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
