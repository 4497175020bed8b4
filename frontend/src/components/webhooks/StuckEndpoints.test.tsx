import { QueryClientProvider } from '@tanstack/react-query'
import { render, screen, waitFor } from '@testing-library/react'
import { expect, it, vi } from 'vitest'
import { AuthProvider } from '../../app/auth/AuthProvider'
import { Session } from '../../app/auth/session'
import { LiveProvider } from '../../app/live/LiveProvider'
import { liveSettings } from '../../app/live/settings'
import { createQueryClient } from '../../app/queries'
import { StuckEndpoints } from './StuckEndpoints'

const refusal = () =>
  Response.json({ status: 403, code: 'forbidden', title: 'This needs another scope' }, { status: 403 })

function show() {
  const stored = { token: 't', expiresAt: Date.now() + 86_400_000, renewAt: Date.now() + 80_000_000 }
  localStorage.setItem('apier.session', JSON.stringify(stored))
  const queryClient = createQueryClient()
  render(
    <AuthProvider session={new Session(localStorage, sessionStorage)}>
      <QueryClientProvider client={queryClient}>
        <LiveProvider settings={liveSettings({ built: 'off', served: null, location: window.location })}>
          <StuckEndpoints />
        </LiveProvider>
      </QueryClientProvider>
    </AuthProvider>,
  )
  return queryClient
}

// What the failure shows asked for the same again: a hundred requests a second, and nothing to be seen.
it('says that the health is not known, and asks no more for having failed', async () => {
  const fetched = vi.fn<typeof fetch>(() => Promise.resolve(refusal()))
  vi.stubGlobal('fetch', fetched)
  const queryClient = show()
  await screen.findByText('Health is not known')
  await waitFor(() => expect(queryClient.isFetching()).toBe(0))
  await screen.findByText('Not shown to your API key.')
  expect(fetched).toHaveBeenCalledTimes(1)
})

it('knows no more while it asks again', async () => {
  const fetched = vi.fn<typeof fetch>(() => Promise.resolve(refusal()))
  vi.stubGlobal('fetch', fetched)
  const queryClient = show()
  await screen.findByText('Health is not known')
  fetched.mockImplementation(() => new Promise<Response>(() => {}))
  void queryClient.invalidateQueries()
  await waitFor(() => expect(queryClient.isFetching()).toBe(1))
  screen.getByText('Health is not known')
})

it('keeps its room before anything is known, and says nothing of health', async () => {
  vi.stubGlobal('fetch', () => new Promise<Response>(() => {}))
  show()
  expect(await screen.findAllByTestId('skeleton')).toHaveLength(1)
  expect(screen.getByTestId('endpoints-summary').textContent).toBe('')
})
