import { QueryClientProvider } from '@tanstack/react-query'
import { render, screen, waitFor, within } from '@testing-library/react'
import { expect, it, vi } from 'vitest'
import { AuthProvider } from '../app/auth/AuthProvider'
import { Session } from '../app/auth/session'
import { LiveProvider } from '../app/live/LiveProvider'
import { liveSettings } from '../app/live/settings'
import { createQueryClient } from '../app/queries'
import { Charts } from './Charts'

function show(fetched: typeof fetch) {
  vi.stubGlobal('fetch', fetched)
  const stored = { token: 't', expiresAt: Date.now() + 86_400_000, renewAt: Date.now() + 80_000_000 }
  localStorage.setItem('apier.session', JSON.stringify(stored))
  render(
    <AuthProvider session={new Session(localStorage, sessionStorage)}>
      <QueryClientProvider client={createQueryClient()}>
        <LiveProvider settings={liveSettings({ built: 'off', served: null, location: window.location })}>
          <Charts />
        </LiveProvider>
      </QueryClientProvider>
    </AuthProvider>,
  )
}

const figures = (chart: string) =>
  [...screen.getByTestId(chart).querySelectorAll('dd')].map((dd) => dd.textContent)

it('draws no line and names no figure before the answer', () => {
  show(() => new Promise<Response>(() => {}))
  for (const [chart, n] of [
    ['throughput', 6],
    ['latency', 4],
  ] as const) {
    expect(figures(chart)).toEqual(Array(n).fill('–'))
    within(screen.getByTestId(chart)).getByTestId('skeleton')
  }
  expect(screen.queryByRole('figure')).toBeNull()
})

it('says without alarm what the credential may not see, and draws nothing of it', async () => {
  const refusal = { status: 403, code: 'forbidden', title: 'This needs another scope' }
  show(() => Promise.resolve(Response.json(refusal, { status: 403 })))
  await waitFor(() => expect(screen.getAllByText('Not shown to your API key.')).toHaveLength(2))
  expect(figures('throughput')).toEqual(Array(6).fill('–'))
  expect(screen.queryByRole('alert')).toBeNull()
  expect(screen.queryByRole('figure')).toBeNull()
})
