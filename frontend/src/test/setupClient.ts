import { vi } from 'vitest'
import type { ClientEnv } from '../lib/env'
import type { SocketOptions } from '../lib/options'
import { SocketClient } from '../lib/socket'
import { FakePage } from './fakePage'
import { FakeSocket } from './fakeSocket'

/** A client on a fake network, in a fake tab, under vitest's fake clock, without jitter. */
export function setupClient(options: SocketOptions = {}, env: Partial<ClientEnv> = {}) {
  vi.useFakeTimers({ now: 1_700_000_000_000 })
  FakeSocket.all = []
  const page = new FakePage()
  const client = new SocketClient(
    { url: 'wss://example.com/ws', ...options },
    {
      WebSocket: FakeSocket,
      page,
      storage: undefined,
      now: () => Date.now(),
      random: () => 0,
      setTimeout: (run, ms) => setTimeout(run, ms),
      clearTimeout: (timer) => clearTimeout(timer),
      ...env,
    },
  )
  return { client, page, snapshot: () => client.store.getSnapshot() }
}
