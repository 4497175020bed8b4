import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act, render } from '@testing-library/react'
import { StrictMode } from 'react'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { anEvent } from '../../test/events'
import { FakeApi } from '../../test/fakeApi'
import { FakeSocket } from '../../test/fakeSocket'
import { LiveProvider, newKey, useCreateEvent, useLive, useLiveEvent, useLiveEvents, useLiveMetrics } from '.'
import type { ApiEvent, Filters } from '.'

let api = new FakeApi()
const seen: ReturnType<typeof useSeen>[] = []

function useSeen(filters: Partial<Filters> = {}) {
  return {
    list: useLiveEvents(filters, { pageSize: 2 }),
    metrics: useLiveMetrics().metrics,
    open: useLiveEvent('a').data,
    create: useCreateEvent(),
    live: useLive(),
  }
}

// Two components with the same needs: they share every request.
function Reader({ n, filters }: { n: number; filters: Partial<Filters> }) {
  const now = useSeen(filters)
  Object.assign(seen, { [n]: now })
  return null
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('WebSocket', FakeSocket)
  sessionStorage.clear()
  FakeSocket.all = []
  api = new FakeApi()
  seen.length = 0
})
afterEach(() => vi.useRealTimers())

async function show(filters: Partial<Filters> = {}, url = 'ws://h/ws') {
  const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  const at = (url: string) => (
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <LiveProvider api={api} token="t" socket={{ url }}>
          <Reader n={0} filters={filters} />
          <Reader n={1} filters={filters} />
        </LiveProvider>
      </QueryClientProvider>
    </StrictMode>
  )
  const shown = render(at(url))
  await pass(0)
  return { ...shown, move: (url: string) => shown.rerender(at(url)) }
}

const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms))
const connect = async (data: Record<string, unknown> = {}) => {
  act(() => {
    FakeSocket.last.accept()
    FakeSocket.last.greet(data)
  })
  await pass(10)
}
const frame = async (type: string, seq: number, data: unknown) => {
  act(() => FakeSocket.last.receive({ type, seq, data }))
  await pass(300)
}
const created = (id: string, seq: number, patch: Partial<ApiEvent> = {}) =>
  frame('event_created', seq, anEvent({ id, seq, created_at: at(seq), updated_at: at(seq), ...patch }))
const updated = (id: string, seq: number) =>
  frame('event_update', seq, { id, status: 'delivered', previous_status: 'pending', updated_at: at(seq) })
const deleted = (id: string, seq: number) => frame('event_deleted', seq, { id })
const at = (seq: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, seq)).toISOString()

/** Answers the newest request for a list with events that were last changed at the numbers given. */
async function list(seq: number, events: Record<string, number>, has_more = false) {
  const rows = Object.entries(events).map(([id, n]) =>
    anEvent({ id, seq: n, created_at: at(n), updated_at: at(n) }),
  )
  api.lists[api.lists.length - 1]?.answer({ events: rows, has_more, seq })
  await pass(10)
}
const counters = (total: number, seq: number) => ({
  total,
  pending: total,
  delivered: 0,
  failed: 0,
  success_rate: 0,
  seq,
})
const rows = () => seen[0]?.list.events.map((row) => `${row.id}:${row.sending ? 'sending' : row.status}`)

it('a change that comes before the snapshot is in it once', async () => {
  await show()
  await connect()
  await created('b', 11)
  await list(11, { b: 11, a: 1 })
  expect(rows()).toEqual(['b:pending', 'a:pending'])
})

it('changes that come while the snapshot is under way are written into it', async () => {
  await show()
  await connect()
  await list(10, { a: 1 }) // asked for before the connection stood, so it is asked for again
  await created('b', 11)
  await updated('a', 12)
  await deleted('c', 13)
  await list(10, { c: 2, a: 1 })
  expect(rows()).toEqual(['b:pending', 'a:delivered'])
})

it('a change that is older than the snapshot changes nothing', async () => {
  await show()
  await connect()
  await list(10, { a: 1 })
  await list(20, { a: 15 })
  await updated('a', 14)
  await created('old', 13)
  expect(rows()).toEqual(['a:pending'])
})

it('changes after the snapshot are followed, in every component, without a request', async () => {
  await show()
  await connect()
  await list(10, { a: 1 })
  await list(10, { a: 1 })
  const asked = api.lists.length
  await created('b', 11)
  await updated('b', 12)
  await deleted('a', 13)
  expect(rows()).toEqual(['b:delivered'])
  expect(seen[1]?.list.events).toEqual(seen[0]?.list.events)
  await pass(25_000) // shorter than the heartbeat, longer than two polls
  expect(api.lists).toHaveLength(asked)
})

it('what came while a further page was under way is not lost with it', async () => {
  await show()
  await connect()
  await list(10, { c: 3, b: 2 }, true)
  await list(10, { c: 3, b: 2 }, true)
  void act(() => void seen[0]?.list.query.fetchNextPage())
  await pass(0)
  expect(api.lists[api.lists.length - 1]?.what).toContain('starting_after=b')
  await created('d', 11)
  await updated('c', 12)
  await deleted('b', 13)
  await list(13, { a: 1 })
  expect(rows()).toEqual(['d:pending', 'c:delivered', 'a:pending'])
})

it('what came while several pages were fetched again is in all of them', async () => {
  await show()
  await connect()
  await list(10, { d: 4, c: 3 }, true)
  await list(10, { d: 4, c: 3 }, true)
  void act(() => void seen[0]?.list.query.fetchNextPage())
  await pass(0)
  await list(10, { b: 2, a: 1 })
  act(() => FakeSocket.last.receive({ type: 'resync', data: { channel: 'events', seq: 15 } }))
  await pass(10)
  await list(15, { d: 4, c: 3 }, true)
  await updated('d', 16)
  await created('e', 17)
  await list(17, { b: 2, a: 1 })
  expect(rows()).toEqual(['e:pending', 'd:delivered', 'c:pending', 'b:pending', 'a:pending'])
})

it('a first snapshot that was asked for before the connection stood is not trusted', async () => {
  await show()
  const before = api.lists.length
  await connect({ seq: 12 })
  await list(10, { a: 1 })
  expect(rows()).toEqual(['a:pending'])
  expect(api.lists).toHaveLength(before + 1)
  await list(12, { b: 12, a: 1 })
  expect(rows()).toEqual(['b:pending', 'a:pending'])
  expect(api.lists).toHaveLength(before + 1)
})

it('after a resync everything on the page is fetched, once', async () => {
  await show()
  await connect()
  await list(10, { a: 1 })
  await list(10, { a: 1 })
  const before = [api.lists.length, api.summaries.length, api.events.length]
  act(() => FakeSocket.last.receive({ type: 'resync', data: { channel: 'events', seq: 30 } }))
  act(() => FakeSocket.last.receive({ type: 'resync', data: { channel: 'metrics', seq: 30 } }))
  await pass(10)
  expect(api.lists.length).toBe((before[0] ?? 0) + 1)
  await list(30, { z: 29 })
  expect(rows()).toEqual(['z:pending'])
})

it('a reconnect that is resumed fetches nothing; one that is not, and one after a poll, does', async () => {
  await show()
  await connect()
  await list(10, { a: 1 })
  await list(10, { a: 1 })
  const asked = () => api.lists.length
  const lose = async () => {
    const sockets = FakeSocket.all.length
    act(() => FakeSocket.last.end())
    while (FakeSocket.all.length === sockets) await pass(100)
  }
  let before = asked()
  await lose()
  await connect({ seq: 11, resumed: true })
  expect(asked()).toBe(before)
  await lose()
  await connect({ seq: 12, resumed: false })
  expect(asked()).toBe(before + 1)
  await list(12, { a: 1 })

  before = asked()
  act(() => FakeSocket.last.end())
  await pass(10_500)
  expect(asked()).toBeGreaterThan(before) // the poll
})

it('two components make one poll, and none while connected', async () => {
  await show({}, '')
  await list(10, { a: 1 })
  for (const asked of api.summaries) asked.answer(counters(1, 10))
  await pass(0)
  const before = [api.lists.length, api.summaries.length]
  await pass(10_000)
  await list(12, { b: 12, a: 1 })
  expect([api.lists.length, api.summaries.length]).toEqual(before.map((n) => n + 1))
  expect(rows()).toEqual(['b:pending', 'a:pending'])
  expect(seen[0]?.live.polling).toBe(true)
})

it('counters that came before the snapshot are not overwritten by it', async () => {
  await show()
  await connect()
  await frame('metrics_update', 15, {
    total_events: 9,
    pending_events: 9,
    delivered_events: 0,
    failed_events: 0,
  })
  for (const asked of api.summaries) asked.answer(counters(3, 11))
  await pass(10)
  expect(seen[0]?.metrics).toMatchObject({ total: 9, seq: 15 })
})

it('an open event follows what came while it was fetched, and says when it is gone', async () => {
  await show()
  await connect()
  await updated('a', 12)
  for (const asked of api.events) asked.answer(anEvent({ id: 'a', seq: 5 }))
  await pass(10)
  expect(seen[0]?.open).toMatchObject({ status: 'delivered', seq: 12 })
  await deleted('a', 13)
  expect(seen[0]?.open).toBeNull()
})

it('a filtered list takes in what comes to match it, and lets go of what no longer does', async () => {
  await show({ status: 'delivered' })
  await connect()
  await list(10, {})
  await list(10, {})
  await updated('x', 11)
  await pass(300)
  const asked = api.events.find((a) => a.what === 'x')
  asked?.answer(anEvent({ id: 'x', seq: 11, status: 'delivered' }))
  await pass(10)
  expect(rows()).toEqual(['x:delivered'])
})

const draft = { type: 't', source: 's', payload: { n: 1 } }

it('an optimistic row is replaced by its event, whichever comes first', async () => {
  await show()
  await connect()
  await list(10, { a: 1 })
  await list(10, { a: 1 })
  act(() => seen[0]?.create.mutate({ key: newKey(), event: draft }))
  await pass(0)
  expect(rows()?.[0]).toMatch(/:sending$/)
  await created('b', 11, draft)
  expect(rows()).toEqual(['b:pending', 'a:pending'])
  api.created[0]?.answer({ id: 'b', status: 'pending', timestamp: at(11), seq: 11 })
  await pass(10)
  expect(rows()).toEqual(['b:pending', 'a:pending'])
  expect(seen[1]?.list.events).toHaveLength(2)
})

it('a refusal takes the optimistic row back, and says why', async () => {
  await show()
  await connect()
  await list(10, { a: 1 })
  await list(10, { a: 1 })
  act(() => seen[0]?.create.mutate({ key: 'k', event: draft }))
  await pass(0)
  expect(rows()).toEqual(['k:sending', 'a:pending'])
  api.created[0]?.refuse(new Error('refused'))
  await pass(10)
  expect(rows()).toEqual(['a:pending'])
  expect(seen[0]?.create.error?.message).toBe('refused')
})

it('what changed while the connection was switched off is fetched when it is on again', async () => {
  const page = (enabled: boolean) => (
    <StrictMode>
      <QueryClientProvider client={qc}>
        <LiveProvider api={api} token="t" enabled={enabled} socket={{ url: 'ws://h/ws' }}>
          <Reader n={0} filters={{}} />
        </LiveProvider>
      </QueryClientProvider>
    </StrictMode>
  )
  const qc = new QueryClient()
  const { rerender } = render(page(true))
  await pass(0)
  await connect()
  await list(10, { a: 1 })
  const before = api.lists.length
  rerender(page(false))
  await pass(1000)
  rerender(page(true))
  await connect({ session: 's2', seq: 20 })
  expect(api.lists).toHaveLength(before + 1)
  await list(20, { b: 12, a: 1 })
  expect(rows()).toEqual(['b:pending', 'a:pending'])
})

it('leaves no timer, no socket and nothing that counts as fresh', async () => {
  const { unmount } = await show()
  await connect()
  await list(10, { a: 1 })
  unmount()
  await pass(0)
  expect(FakeSocket.live).toHaveLength(0)
  await pass(600_000) // the caches' own time
  expect(vi.getTimerCount()).toBe(0)
})

it('with another server, nothing is asked of the one before, nor taken from what it told', async () => {
  const { move } = await show({ status: 'delivered' })
  await connect()
  await list(10, {})
  await list(10, {})
  await deleted('b', 90)
  api = new FakeApi()
  move('ws://other/ws')
  await connect()
  api.lists.at(-1)?.answer({ events: [anEvent({ id: 'b', status: 'delivered' })], has_more: false, seq: 5 })
  await pass(10)
  expect(rows()).toEqual(['b:delivered'])
  await updated('c', 11)
  await pass(1000)
  expect(api.events.map(({ what }) => what)).toContain('c')
})

it('a poll that succeeds wakes the connection, once for an absence', async () => {
  await show()
  await connect()
  await list(10, { a: 1 })
  act(() => FakeSocket.last.end())
  for (let i = 0; i < 4; i++) {
    await pass(seen[0]?.live.ws.reconnectDelay ?? 0)
    act(() => FakeSocket.last.end())
  }
  expect(seen[0]?.live.ws.reconnectDelay).toBeGreaterThan(8000)
  await pass(10_000) // a poll is under way; the next attempt is not due yet
  const dials = FakeSocket.all.length
  await list(10, { a: 1 })
  expect(FakeSocket.all).toHaveLength(dials + 1)
  act(() => FakeSocket.last.end())
  const { reconnectDelay = 0 } = seen[0]?.live.ws ?? {}
  await list(10, { a: 1 })
  await pass(reconnectDelay - 20)
  expect(FakeSocket.all).toHaveLength(dials + 1)
})

it('the token stands in no address, unless it is asked for', async () => {
  await show()
  expect(FakeSocket.all.map((socket) => socket.query.has('token'))).not.toContain(true)
  expect(FakeSocket.last.protocols).toEqual(['apier.v1', 'bearer.t'])
})
