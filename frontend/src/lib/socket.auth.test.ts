import { expect, test, vi } from 'vitest'
import { FakeSocket } from '../test/fakeSocket'
import { setupClient } from '../test/setupClient'
import type { TokenReason } from './options'
import { WebSocketState } from './protocol'

const { CONNECTED, RECONNECTING, ERROR } = WebSocketState

// Lets promises settle; no time passes.
const settle = () => vi.advanceTimersByTimeAsync(0)

test('4401 without getToken is an error', () => {
  const { client, snapshot } = setupClient({ token: 't1' })
  client.connect()
  FakeSocket.last.accept().end(4401, 'token_expired')
  expect(snapshot()).toMatchObject({ state: ERROR, lastError: { kind: 'auth', code: 4401 } })
  expect(vi.getTimerCount()).toBe(0)
})

test('4401 asks for one new token and tries once; refused again, it is an error', async () => {
  const reasons: TokenReason[] = []
  const getToken = ({ reason }: { reason: TokenReason }) => `token-${reasons.push(reason)}`
  const { client, snapshot } = setupClient({ getToken })
  client.connect()
  await settle()
  expect(FakeSocket.last.query.get('token')).toBe('token-1')
  FakeSocket.last.accept().end(4401, 'token_expired')
  expect(snapshot().state).toBe(RECONNECTING)
  await vi.advanceTimersByTimeAsync(1000)
  expect(FakeSocket.last.query.get('token')).toBe('token-2')
  expect(reasons).toEqual(['connect', 'unauthorized'])
  FakeSocket.last.accept().end(4401, 'token_expired')
  await vi.advanceTimersByTimeAsync(60_000)
  expect(snapshot().state).toBe(ERROR)
  expect(FakeSocket.all).toHaveLength(2)
})

test('a good connection in between makes the next 4401 the first again', async () => {
  const { client, snapshot } = setupClient({ getToken: () => 't' })
  client.connect()
  for (let i = 0; i < 3; i++) {
    await vi.advanceTimersByTimeAsync(1000)
    FakeSocket.last.accept()
    await vi.advanceTimersByTimeAsync(5000)
    FakeSocket.last.end(4401)
    expect(snapshot().state).toBe(RECONNECTING)
  }
})

test('4401 with a token that was replaced meanwhile tries the new one', () => {
  const { client } = setupClient({ token: 't1' })
  client.connect()
  FakeSocket.last.accept()
  vi.advanceTimersByTime(10_000)
  client.setToken('t2')
  expect(FakeSocket.all).toHaveLength(1)
  FakeSocket.last.end(4401)
  expect(FakeSocket.last.query.get('token')).toBe('t2')
})

test('a new token revives a connection that was refused; no token does not', () => {
  const { client, snapshot } = setupClient({ token: 't1' })
  client.connect()
  FakeSocket.last.accept().end(4401)
  vi.advanceTimersByTime(5000)
  client.setToken(null)
  expect(FakeSocket.all).toHaveLength(1)
  client.setToken('t2')
  FakeSocket.last.accept()
  expect(snapshot().state).toBe(CONNECTED)
})

test('a token that cannot be had is tried for again, and its error stays inside', async () => {
  const getToken = vi.fn(() => Promise.reject(new Error('secret inside')))
  const { client, snapshot } = setupClient({ getToken })
  client.connect()
  await settle()
  expect(snapshot()).toMatchObject({ state: RECONNECTING, lastError: { kind: 'auth' } })
  expect(JSON.stringify(snapshot())).not.toContain('secret')
  await vi.advanceTimersByTimeAsync(1000)
  expect(getToken).toHaveBeenCalledTimes(2)
})

test('a token that never comes is covered by the connect timeout', async () => {
  const { client, snapshot } = setupClient({ getToken: () => new Promise(() => undefined) })
  client.connect()
  await vi.advanceTimersByTimeAsync(10_000)
  expect(snapshot()).toMatchObject({ state: RECONNECTING, lastError: { kind: 'timeout' } })
})

test('a token that comes after disconnect makes no socket', async () => {
  const { client } = setupClient({ getToken: () => Promise.resolve('t') })
  client.connect()
  client.disconnect()
  await settle()
  expect(FakeSocket.all).toHaveLength(0)
})

test('an expiring token is renewed on the live connection', async () => {
  const { client } = setupClient({ getToken: ({ reason }) => reason })
  client.connect()
  await settle()
  FakeSocket.last.accept().receive({ type: 'auth', data: { status: 'expiring' } })
  await settle()
  expect(FakeSocket.last.frames('auth')).toEqual([{ type: 'auth', data: { token: 'expiring' } }])
})

test('an expiring token is replaced by the next one that is set', async () => {
  const { client } = setupClient({ token: 't1' })
  client.connect()
  FakeSocket.last.accept().receive({ type: 'auth', data: { status: 'expiring' } })
  await settle()
  expect(FakeSocket.last.frames('auth')).toHaveLength(0)
  client.setToken('t2')
  await settle()
  expect(FakeSocket.last.frames('auth')).toEqual([{ type: 'auth', data: { token: 't2' } }])
})

test('no error tells the token, whatever the reason says', () => {
  const { client, snapshot } = setupClient({ token: 'secret' })
  client.connect()
  FakeSocket.last.accept().end(1011, 'bad wss://x/?token=secret')
  expect(JSON.stringify(snapshot())).not.toContain('secret')
})

test('once the server is known to speak v1, the token leaves the address', () => {
  const { client, snapshot } = setupClient({ token: 't1' })
  client.connect()
  expect(FakeSocket.last.query.get('token')).toBe('t1')
  FakeSocket.last.accept().greet()
  FakeSocket.last.end()
  vi.advanceTimersByTime(snapshot().reconnectDelay)
  expect(FakeSocket.last.query.has('token')).toBe(false)
  expect(FakeSocket.last.protocols).toEqual(['apier.v1', 'bearer.t1'])
})

test.each([
  [{ dialect: 'v1' }, 't1', ['apier.v1', 'bearer.t1']],
  [{ dialect: 'v1', tokenIn: 'url' }, 't1', []],
  [{ tokenIn: 'protocol' }, 't1', ['apier.v1', 'bearer.t1']],
  // What may not stand in a subprotocol is encoded: it never stands in an address unasked.
  [{ dialect: 'v1' }, 'a/b= ü', ['apier.v1', 'bearer64.YS9iPSDDvA']],
  // Only an API/er server gives such a key out.
  [{}, 'apier_key', ['apier.v1', 'bearer.apier_key']],
  // The plain dialect asks for nothing else with it.
  [{ dialect: 'plain', tokenIn: 'protocol' }, 't1', ['apier.plain', 'bearer.t1']],
  [{ dialect: 'plain' }, 'apier_key', []],
] as const)('with %j the token %j is offered as %j', (options, token, protocols) => {
  const { client } = setupClient({ ...options, token })
  client.connect()
  expect(FakeSocket.last.protocols).toEqual(protocols)
  expect(FakeSocket.last.query.get('token')).toBe(protocols.length > 0 ? null : token)
})

test('after all attempts failed, nothing is assumed of the server', () => {
  const { client } = setupClient({ token: 't1', maxReconnectAttempts: 0 })
  client.connect()
  FakeSocket.last.accept().greet()
  vi.advanceTimersByTime(1000)
  FakeSocket.last.end()
  client.reconnect()
  expect(FakeSocket.last.query.get('token')).toBe('t1')
})

test('a ticket stands in for the token, for one attempt', async () => {
  let n = 0
  const { client } = setupClient({ token: 't1', getToken: () => ({ ticket: `ticket-${++n}` }) })
  client.connect()
  await settle()
  expect(FakeSocket.last.query.get('ticket')).toBe('ticket-1')
  expect(FakeSocket.last.query.has('token')).toBe(false)
  FakeSocket.last.accept().end()
  await vi.advanceTimersByTimeAsync(1000)
  expect(FakeSocket.last.query.get('ticket')).toBe('ticket-2')
})

test.each([
  [401, ERROR, 4401],
  [403, ERROR, 4403],
  [429, RECONNECTING, 4429],
  [503, RECONNECTING, 1006],
])(
  'a refused upgrade, where the socket tells its status %i, counts as its close code',
  (status, state, code) => {
    const { client, snapshot } = setupClient({ token: 't1' })
    client.connect()
    const message = `Unexpected server response: ${status}`
    FakeSocket.last.onerror?.(Object.assign(new Event('error'), { message }))
    FakeSocket.last.onclose?.(new CloseEvent('close', { code: 1006 }))
    expect(snapshot()).toMatchObject({ state, lastError: { code } })
  },
)

test('a getToken that takes longer than an attempt has its answer used, once, by the next one', async () => {
  const answers: ((token: string) => void)[] = []
  const { client, snapshot } = setupClient({
    getToken: () => new Promise<string>((resolve) => answers.push(resolve)),
  })
  client.connect()
  await vi.advanceTimersByTimeAsync(10_000)
  expect(snapshot().lastError?.message).toMatch(/^getToken gave no token/)
  await vi.advanceTimersByTimeAsync(2000)
  expect(answers).toHaveLength(2)
  expect(FakeSocket.all).toHaveLength(0)
  answers[0]!('late')
  await vi.advanceTimersByTimeAsync(0)
  expect(FakeSocket.all).toHaveLength(1)
  // The server has its whole time, and what the second call gives is not dialled with.
  answers[1]!('later')
  await vi.advanceTimersByTimeAsync(9999)
  expect(FakeSocket.all).toHaveLength(1)
  FakeSocket.last.accept().greet()
  expect(snapshot().state).toBe('connected')
})

test('what getToken gives after a disconnect is of no use to the next connect', async () => {
  const answers: ((token: string) => void)[] = []
  const { client } = setupClient({
    getToken: () => new Promise<string>((resolve) => answers.push(resolve)),
  })
  client.connect()
  client.disconnect()
  client.connect()
  await vi.advanceTimersByTimeAsync(2000)
  answers[0]!('of who was signed in before')
  await vi.advanceTimersByTimeAsync(0)
  expect(FakeSocket.all).toHaveLength(0)
})

test.each([42, {}, { access_token: 't' }, true])('%j from getToken is no token', async (given) => {
  const { client, snapshot } = setupClient({ getToken: () => given as unknown as string })
  client.connect()
  await vi.advanceTimersByTimeAsync(0)
  expect(FakeSocket.all).toHaveLength(0)
  expect(snapshot().lastError).toMatchObject({ kind: 'auth' })
})
