import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { FakeSocket } from '../test/fakeSocket'
import { setupClient } from '../test/setupClient'
import { WebSocketState } from './protocol'

type Setup = ReturnType<typeof setupClient> & { acks: { waiting: number } }

const codes = [1000, 1001, 1006, 1008, 1011, 1012, 4401, 4403, 4408, 4429]
const sockets = (run: (socket: FakeSocket) => void) => () => FakeSocket.all.slice(-2).forEach(run)
const action = (name: string, run: (setup: Setup) => void) => ({ run, toString: () => name })

// What users, servers, browsers and clocks may do, in any order. Servers act on abandoned sockets too.
const anyAction = fc.oneof(
  fc.constantFrom(
    action('connect', ({ client }) => client.connect()),
    action('disconnect', ({ client }) => client.disconnect()),
    action('reconnect', ({ client }) => client.reconnect()),
    action(
      'accept',
      sockets((s) => void s.accept()),
    ),
    action(
      'greet',
      sockets((s) => s.greet()),
    ),
    action(
      'frame',
      sockets((s) => s.receive({ type: 'pong' })),
    ),
    action(
      'going away',
      sockets((s) => s.receive({ type: 'reconnect', data: { after_ms: 700 } })),
    ),
    action(
      'noise',
      sockets((s) => s.receive('{')),
    ),
    action('send', ({ client }) => void client.send({ type: 'custom' })),
    action('send with ack', ({ client, acks }) => {
      acks.waiting++
      void client.sendWithAck({ type: 'custom' }).then(() => acks.waiting--)
    }),
    action(
      'expiring',
      sockets((s) => s.receive({ type: 'auth', data: { status: 'expiring' } })),
    ),
    action(
      'half open',
      sockets((s) => s.halfOpen()),
    ),
    action('hide', ({ page }) => page.hide()),
    action('show', ({ page }) => page.show()),
    action('offline', ({ page }) => page.signal('offline')),
    action('suspend', ({ page }) => page.signal('suspend')),
    action('sleep', () => void vi.setSystemTime(Date.now() + 3_600_000)),
  ),
  fc.constantFrom(...codes).map((code) =>
    action(
      `end ${code}`,
      sockets((s) => s.end(code)),
    ),
  ),
  fc.nat(40_000).map((ms) => action(`${ms} ms`, () => void vi.advanceTimersByTime(ms))),
  fc.nat(2).map((n) => action(`token ${n}`, ({ client }) => client.setToken(`t${n}`))),
)

function check({ snapshot }: Setup): void {
  const { state, nextRetryAt, reconnectAttempt, lastError } = snapshot()
  expect(FakeSocket.live.length).toBeLessThanOrEqual(1)
  expect(reconnectAttempt).toBeLessThanOrEqual(3)
  if (state === WebSocketState.CONNECTED) expect(FakeSocket.live).toHaveLength(1)
  if (state === WebSocketState.ERROR) expect(lastError).not.toBeNull()
  if (state === WebSocketState.ERROR || state === WebSocketState.DISCONNECTED) {
    expect(FakeSocket.live).toHaveLength(0)
    expect(nextRetryAt).toBeNull()
    // Messages may still wait to expire.
    expect(vi.getTimerCount()).toBeLessThanOrEqual(1)
  }
}

test('whatever happens in whatever order, the client keeps its promises', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyAction, { maxLength: 40 }), async (actions) => {
      const setup = { ...setupClient({ maxReconnectAttempts: 3 }), acks: { waiting: 0 } }
      for (const { run } of actions) {
        run(setup)
        check(setup)
      }
      setup.client.disconnect()
      check(setup)
      expect(setup.page.listeners.size).toBe(0)
      expect(vi.getTimerCount()).toBe(0)
      for (let i = 0; i < 5; i++) await Promise.resolve()
      expect(setup.acks.waiting).toBe(0)
      // And it always comes back: a wanted connection that is accepted gets connected.
      setup.client.connect()
      vi.advanceTimersByTime(1000)
      FakeSocket.last.accept().greet()
      expect(setup.snapshot().state).toBe(WebSocketState.CONNECTED)
      setup.client.disconnect()
      vi.clearAllTimers()
    }),
    { numRuns: 300 },
  )
}, 60_000)
