import { act, fireEvent, render, screen } from '@testing-library/react'
import { StrictMode } from 'react'
import { beforeEach, expect, test, vi } from 'vitest'
import { WebSocketState } from '../lib/useWebSocket'
import { ConnectionStatus } from './ConnectionStatus'
import type { ConnectionStatusProps } from './ConnectionStatus'

const { CONNECTED, CONNECTING, RECONNECTING, DISCONNECTED, ERROR } = WebSocketState

beforeEach(() => {
  vi.useFakeTimers({ now: 1_700_000_000_000 })
})

function setup(props: ConnectionStatusProps) {
  const view = render(<ConnectionStatus {...props} />, { wrapper: StrictMode })
  return (next: ConnectionStatusProps) => view.rerender(<ConnectionStatus {...next} />)
}

const word = () => screen.getByRole('status').textContent
const wait = (ms: number) => act(() => void vi.advanceTimersByTime(ms))

test.each([
  [CONNECTED, 'Connected', 'ok'],
  [CONNECTING, 'Connecting…', 'warn'],
  [RECONNECTING, 'Reconnecting…', 'warn'],
  [ERROR, 'Connection error', 'error'],
  [DISCONNECTED, 'Disconnected', 'idle'],
])('%s is shown at once with word, colour and icon', (state, text, tone) => {
  setup({ state })
  expect(word()).toBe(text)
  const root = screen.getByRole('status').parentElement
  expect(root?.dataset.tone).toBe(tone)
  expect(root?.querySelector('svg[aria-hidden]')).toBeTruthy()
})

test('the countdown ticks from nextRetryAt, outside of what is announced', () => {
  setup({ state: RECONNECTING, reconnectDelay: 3500, nextRetryAt: Date.now() + 3500 })
  expect(screen.getByText('in 4 s')).toBeTruthy()
  wait(500)
  expect(screen.getByText('in 3 s')).toBeTruthy()
  wait(1000)
  expect(screen.getByText('in 2 s')).toBeTruthy()
  expect(word()).toBe('Reconnecting…')
  wait(1000)
  wait(1000)
  expect(screen.getByText('now')).toBeTruthy()
  expect(vi.getTimerCount()).toBe(0)
})

test('without nextRetryAt it counts from reconnectDelay, anew for each attempt', () => {
  const update = setup({ state: RECONNECTING, reconnectAttempt: 1, reconnectDelay: 2000 })
  wait(1000)
  expect(screen.getByText('in 1 s')).toBeTruthy()
  update({ state: RECONNECTING, reconnectAttempt: 2, reconnectDelay: 4000 })
  expect(screen.getByText('in 4 s')).toBeTruthy()
})

test('there is no countdown while an attempt is under way', () => {
  setup({ state: RECONNECTING, reconnectDelay: 2000, nextRetryAt: null, onReconnect: () => undefined })
  expect(screen.queryByText(/^in \d/)).toBeNull()
  expect(screen.queryByRole('button')).toBeNull()
})

test('a loss that is mended within a second is not shown', () => {
  const update = setup({ state: CONNECTED })
  update({ state: RECONNECTING, reconnectDelay: 500 })
  wait(900)
  expect(word()).toBe('Connected')
  update({ state: CONNECTED })
  wait(5000)
  expect(word()).toBe('Connected')
})

test('a loss that lasts is shown after a second', () => {
  const update = setup({ state: CONNECTED })
  update({ state: RECONNECTING, reconnectDelay: 5000 })
  wait(1000)
  expect(word()).toMatch(/reconnecting/i)
})

test('an error or an end is shown at once, also within that second', () => {
  const update = setup({ state: CONNECTED })
  update({ state: RECONNECTING })
  update({ state: ERROR })
  expect(word()).toBe('Connection error')
  update({ state: CONNECTED })
  update({ state: DISCONNECTED })
  expect(word()).toBe('Disconnected')
})

test('details tell attempt, error and polling, as text', () => {
  setup({
    state: RECONNECTING,
    reconnectAttempt: 3,
    maxReconnectAttempts: 10,
    lastError: { message: 'lost <img src=x>' },
    pollingEvery: 10_000,
    showDetails: true,
  })
  expect(screen.getByText('attempt 3/10')).toBeTruthy()
  expect(screen.getByText('lost <img src=x>')).toBeTruthy()
  expect(screen.getByText('polling every 10 s')).toBeTruthy()
})

test('details tell the quality when connected, outside of what is announced', () => {
  const update = setup({ state: CONNECTED, quality: 'fair', showDetails: true })
  expect(screen.getByText('quality: fair')).toBeTruthy()
  expect(word()).toBe('Connected')
  update({ state: CONNECTED, quality: null, showDetails: true })
  expect(screen.queryByText(/quality/)).toBeNull()
  update({ state: ERROR, quality: 'fair', showDetails: true })
  expect(screen.queryByText(/quality/)).toBeNull()
})

test.each([DISCONNECTED, ERROR])('%s offers to retry', (state) => {
  const onReconnect = vi.fn()
  setup({ state, onReconnect, lastError: 'gave up', showDetails: true })
  fireEvent.click(screen.getByRole('button', { name: 'Retry' }))
  expect(onReconnect).toHaveBeenCalledTimes(1)
  expect(screen.getByText('gave up')).toBeTruthy()
})
