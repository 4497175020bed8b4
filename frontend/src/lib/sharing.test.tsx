import { act, render, renderHook } from '@testing-library/react'
import { StrictMode, useState } from 'react'
import { beforeEach, expect, test, vi } from 'vitest'
import { FakeSocket } from '../test/fakeSocket'
import { covers } from './coverage'
import type { WebSocketMessage } from './messages'
import { Seat, SharedConnection } from './sharing'
import { useConnectionQuality, useWebSocket } from './useWebSocket'
import type { UseWebSocketConfig } from './useWebSocket'

const url = 'wss://example.com/ws'

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('WebSocket', FakeSocket)
  FakeSocket.all = []
})

/** Mounts one component for each configuration, together, under StrictMode. */
function mount(...configs: UseWebSocketConfig[]) {
  const results: ReturnType<typeof useWebSocket>[] = []
  function User({ at, config }: { at: number; config: UseWebSocketConfig }) {
    results[at] = useWebSocket(config)
    return null
  }
  const tree = (some: UseWebSocketConfig[]) =>
    some.map((config, at) => <User key={config.authScope ?? at} at={at} config={config} />)
  const view = render(tree(configs), { wrapper: StrictMode })
  return { results, show: (...some: UseWebSocketConfig[]) => view.rerender(tree(some)), ...view }
}

const open = () => act(() => FakeSocket.last.accept().greet())
const event = (id: string, channel: string, type = 'order.paid') => ({
  type: 'event_created',
  data: { id, type, status: 'pending' },
  channel,
  seq: 100 + Number(id.slice(4)),
})
const receive = (frame: object) => act(() => FakeSocket.last.receive(frame))

test('those with the same url and token share one connection, mounted together or later', async () => {
  const { results, show, unmount } = mount({ url, token: 't' }, { url, token: 't' })
  open()
  show({ url, token: 't' }, { url, token: 't' }, { url, token: 't' })
  expect(FakeSocket.all).toHaveLength(1)
  expect(results.map((result) => result.isConnected)).toEqual([true, true, true])
  expect(new Set(results.map((result) => result.client)).size).toBe(1)
  unmount()
  await Promise.resolve()
  expect(FakeSocket.live).toHaveLength(0)
  expect(vi.getTimerCount()).toBe(0)
})

test.each([
  [
    { url, token: 'a' },
    { url, token: 'b' },
  ],
  [
    { url, authScope: 'a' },
    { url, authScope: 'b' },
  ],
  [
    { url, getToken: () => 'a' },
    { url, getToken: () => 'b' },
  ],
  [{ url }, { url: 'wss://other.example.com/ws' }],
  [{ url }, { url, dialect: 'plain' as const }],
])('%j and %j do not', async (one, other) => {
  mount(one, other)
  await act(() => Promise.resolve())
  expect(FakeSocket.live).toHaveLength(2)
})

test('those with the same source of tokens share one connection', async () => {
  const getToken = () => 'a'
  mount({ url, getToken }, { url, getToken })
  await act(() => Promise.resolve())
  expect(FakeSocket.live).toHaveLength(1)
})

test('who signs in as somebody else in the same render has a connection of their own', async () => {
  const { show } = mount({ url, getToken: () => 'ann' })
  await act(() => Promise.resolve())
  open()
  const before = FakeSocket.last
  function Other() {
    useWebSocket({ url, getToken: () => 'bob' })
    return null
  }
  show()
  render(<Other />)
  await act(() => Promise.resolve())
  expect(FakeSocket.last).not.toBe(before)
  expect(FakeSocket.live).toHaveLength(1)
})

test('with a scope, tokens that differ are the same user’s', () => {
  mount({ url, authScope: 'ann', token: 't1' }, { url, authScope: 'ann', token: 't2' })
  expect(FakeSocket.live).toHaveLength(1)
})

test('the connection stays until the last one goes', async () => {
  const { results, show } = mount({ url }, { url })
  open()
  show({ url })
  await Promise.resolve()
  expect(FakeSocket.live).toHaveLength(1)
  expect(results[0]?.isConnected).toBe(true)
})

test('who comes to an open connection is told that it is open', () => {
  const onOpen = vi.fn()
  const { show } = mount({ url })
  open()
  show({ url }, { url, onOpen })
  expect(onOpen).toHaveBeenCalled()
})

test('each gets what its channels bring, once, whoever asked first', () => {
  const all = vi.fn()
  const one = vi.fn()
  const states = vi.fn()
  mount(
    { url, onEventCreated: all },
    { url, channels: ['event:evt_7'], onEventCreated: one, onSnapshot: states },
  )
  open()
  receive(event('evt_7', 'events'))
  receive(event('evt_8', 'events'))
  receive({ type: 'snapshot', data: { channel: 'event:evt_7', seq: 1, state: null } })
  expect(states).toHaveBeenCalledTimes(1)
  expect(all.mock.calls.map(([{ id }]) => id as string)).toEqual(['evt_7', 'evt_8'])
  expect(one.mock.calls.map(([{ id }]) => id as string)).toEqual(['evt_7'])
})

test('a channel is left when nobody wants it any more', async () => {
  const { results } = mount({ url }, { url })
  open()
  act(() => void results[0]?.subscribe('event:evt_1'))
  act(() => void results[1]?.subscribe('event:evt_1'))
  await act(() => Promise.resolve())
  expect(FakeSocket.last.frames('subscribe')).toHaveLength(1)
  receive({ type: 'subscribe', data: { channel: 'event:evt_1', status: 'subscribed' } })
  act(() => void results[0]?.unsubscribe('event:evt_1'))
  await act(() => Promise.resolve())
  expect(FakeSocket.last.frames('unsubscribe')).toHaveLength(0)
  act(() => void results[1]?.unsubscribe('event:evt_1'))
  await act(() => Promise.resolve())
  expect(FakeSocket.last.frames('unsubscribe')).toHaveLength(1)
})

test('who comes to a channel that is live already is told its state, too', async () => {
  const states = vi.fn()
  const one = { url, channels: ['event:evt_1'] }
  const { show } = mount(one)
  act(() => FakeSocket.last.accept().greet({ channels: one.channels }))
  show(one, one)
  expect(FakeSocket.last.frames('subscribe')).toEqual([])
  show(one, one, { ...one, onSnapshot: states })
  await act(() => Promise.resolve())
  expect(FakeSocket.last.frames('subscribe')).toContainEqual({
    type: 'subscribe',
    data: { channel: 'event:evt_1' },
  })
  receive({ type: 'snapshot', data: { channel: 'event:evt_1', seq: 10, state: { id: 'evt_1' } } })
  expect(states).toHaveBeenCalledTimes(1)
})

test('other channels are subscribed on the connection there is', async () => {
  const { rerender } = renderHook((props: UseWebSocketConfig) => useWebSocket(props), {
    initialProps: { url, channels: ['events', 'metrics'] },
  })
  open()
  rerender({ url, channels: ['events', 'event:evt_1'] })
  await act(() => Promise.resolve())
  expect(FakeSocket.all).toHaveLength(1)
  expect(FakeSocket.last.frames('subscribe').map((frame) => frame.data)).toEqual([{ channel: 'event:evt_1' }])
  expect(FakeSocket.last.frames('unsubscribe').map((frame) => frame.data)).toEqual([{ channel: 'metrics' }])
})

test('one that is disabled neither shares nor ends what others use', () => {
  const onMessage = vi.fn()
  const { results, show } = mount({ url }, { url, enabled: false, onMessage })
  open()
  receive({ type: 'pong' })
  expect(results.map((result) => result.isConnected)).toEqual([true, false])
  expect(onMessage).not.toHaveBeenCalled()
  show({ url }, { url, enabled: true })
  expect(results[1]?.isConnected).toBe(true)
  show({ url }, { url, enabled: false })
  expect(results.map((result) => result.isConnected)).toEqual([true, false])
  expect(FakeSocket.all).toHaveLength(1)
})

test('a component that is replaced, as by hot reloading, keeps the socket', async () => {
  const { rerender } = renderHook(({ at }: { at: number }) => useKeyed(at), { initialProps: { at: 1 } })
  open()
  rerender({ at: 2 })
  await Promise.resolve()
  expect(FakeSocket.all).toHaveLength(1)
  function useKeyed(at: number) {
    const [authScope] = useState('ann')
    return useWebSocket({ url, authScope, token: `t${at}` })
  }
})

test('quality is a word in the result, and figures for who asks', () => {
  const hook = renderHook(() => {
    const ws = useWebSocket({ url })
    return { ws, figures: useConnectionQuality(ws) }
  })
  open()
  expect(hook.result.current.ws.quality).toBeNull()
  act(() => void vi.advanceTimersByTime(30_000))
  receive({ type: 'pong' })
  expect(hook.result.current.ws.quality).toBe('excellent')
  expect(hook.result.current.figures).toMatchObject({ rttMs: 0, missedPongs: 0 })
})

const message = (type: string, data: object, channel?: string) =>
  ({ type, data, ...(channel && { channel }) }) as WebSocketMessage
const created = message('event_created', { id: 'e1', type: 'order.paid' }, 'events')

test.each([
  [['events'], created, true],
  [['events:order.*'], created, true],
  [['events:order.paid'], created, true],
  [['event:e1'], created, true],
  [['event:*'], created, true],
  [['event:e2', 'metrics', 'events:user.*'], created, false],
  [[], created, false],
  [[], message('event_created', { id: 'e1' }), true],
  [['metrics'], message('metrics_update', {}, 'metrics'), true],
  [['events'], message('metrics_update', {}, 'metrics'), false],
  [['endpoint:*'], message('delivery_update', { id: 'd1' }, 'endpoint:ep_1'), true],
  [['endpoint:ep_2'], message('delivery_update', { id: 'd1' }, 'endpoint:ep_1'), false],
  // The server names the first that matches, in the order of the names.
  [['endpoint:ep_1'], message('delivery_update', { id: 'd1', endpoint_id: 'ep_1' }, 'endpoint:*'), true],
  [['event:e1'], message('delivery_update', { id: 'd1', event_id: 'e1' }, 'endpoint:*'), true],
  [['event:e2'], message('delivery_update', { id: 'd1', event_id: 'e1' }, 'endpoint:*'), false],
  [['endpoint:ep_1'], message('endpoint_update', { id: 'ep_1' }, 'endpoint:*'), true],
  [['endpoint:ep_1'], message('recovery_update', { id: 'r1', endpoint_id: 'ep_1' }, 'endpoint:*'), true],
  [['endpoint:ep_1'], message('webhook_received', { id: 'w1', endpoint_id: 'ep_1' }, 'endpoint:*'), true],
  [['events'], message('webhook_received', { id: 'w1', endpoint_id: 'ep_1' }, 'endpoint:*'), false],
  [[], message('subscribe', { channel: 'events' }, 'events'), true],
])('%j covers %j: %j', (channels, frame, expected) => {
  expect(covers(new Set(channels), frame)).toBe(expected)
})

test('channels that were asked for outlive a change of connection', () => {
  const hook = renderHook((props: UseWebSocketConfig) => useWebSocket(props), {
    initialProps: { url, channels: ['metrics'], enabled: false },
  })
  act(() => void hook.result.current.subscribe('event:evt_1'))
  act(() => void hook.result.current.unsubscribe('metrics'))
  hook.rerender({ url, channels: ['metrics'], enabled: true })
  expect(FakeSocket.last.query.get('channels')).toBe('event:evt_1')
  hook.rerender({ url: 'wss://other.example.com/ws', channels: ['metrics'], enabled: true })
  expect(FakeSocket.last.query.get('channels')).toBe('event:evt_1')
})

test('who takes the place of another on a connection gets neither its channels nor its getToken', async () => {
  const getToken = vi.fn(() => 't2')
  const first = { url, authScope: 'ann', dialect: 'v1' as const }
  const Page = ({ at }: { at: number }) => {
    useWebSocket(
      at === 1
        ? { ...first, channels: ['events:order.*'], getToken: () => 't1' }
        : { ...first, channels: ['events:invoice.*'], getToken },
    )
    return null
  }
  const view = render(<Page key={1} at={1} />, { wrapper: StrictMode })
  await act(() => Promise.resolve())
  act(() => FakeSocket.last.accept().greet({ channels: ['events:order.*'] }))
  view.rerender(<Page key={2} at={2} />)
  await act(() => Promise.resolve())
  expect(FakeSocket.all).toHaveLength(1)
  expect(FakeSocket.last.frames('unsubscribe').map((frame) => frame.data)).toEqual([
    { channel: 'events:order.*' },
  ])
  for (const [type, channel] of [
    ['unsubscribe', 'events:order.*'],
    ['subscribe', 'events:invoice.*'],
  ]) {
    receive({ type, data: { channel, status: `${type}d` } })
  }
  act(() => FakeSocket.last.end())
  await act(() => vi.advanceTimersByTimeAsync(2000))
  expect(getToken).toHaveBeenCalledWith({ reason: 'reconnect' })
  expect(FakeSocket.last.query.get('channels')).toBe('events:invoice.*')
})

test('effects that end and begin again later, as below a hidden <Activity>, connect again', async () => {
  const seat = new Seat({ url }, new SharedConnection({ url }, new Set()))
  const { candidate } = seat.entered.getSnapshot()
  seat.enter(candidate)()
  await Promise.resolve()
  expect(FakeSocket.live).toHaveLength(0)
  const leave = seat.enter(candidate)
  expect(FakeSocket.live).toHaveLength(1)
  leave()
  await Promise.resolve()
  expect(FakeSocket.live).toHaveLength(0)
})

test('with another url and other channels at once, the connection begins with those', () => {
  const hook = renderHook((props: UseWebSocketConfig) => useWebSocket(props), {
    initialProps: { url, channels: ['events'] },
  })
  hook.rerender({ url: 'wss://other.example.com/ws', channels: ['metrics'] })
  expect(FakeSocket.last.query.get('channels')).toBe('metrics')
})
