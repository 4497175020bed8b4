import { QueryClientProvider } from '@tanstack/react-query'
import { fireEvent, render, screen, waitFor } from '@testing-library/react'
import { StrictMode, useState } from 'react'
import { expect, it, vi } from 'vitest'
import { AuthProvider } from '../app/auth/AuthProvider'
import { Session } from '../app/auth/session'
import { LiveProvider } from '../app/live/LiveProvider'
import { liveSettings } from '../app/live/settings'
import { createQueryClient, keys } from '../app/queries'
import { SendEventSheet } from './SendEventSheet'

const settings = liveSettings({ built: 'off', served: null, location: window.location })

function Page() {
  const [open, setOpen] = useState(true)
  return (
    <>
      <p>{open ? 'open' : 'closed'}</p>
      <SendEventSheet
        open={open}
        draft={undefined}
        onOpen={() => setOpen(true)}
        onClose={() => setOpen(false)}
      />
    </>
  )
}

function show() {
  const stored = { token: 't', expiresAt: Date.now() + 3_600_000, renewAt: Date.now() + 3_000_000 }
  localStorage.setItem('apier.session', JSON.stringify(stored))
  const client = createQueryClient()
  render(
    <StrictMode>
      <AuthProvider session={new Session(localStorage, sessionStorage)}>
        <QueryClientProvider client={client}>
          <LiveProvider settings={settings}>
            <Page />
          </LiveProvider>
        </QueryClientProvider>
      </AuthProvider>
    </StrictMode>,
  )
  return client
}

const type = (value: string) => fireEvent.change(screen.getByLabelText('Type'), { target: { value } })
const send = () => fireEvent.click(screen.getByTestId('send-submit'))

it('a failure brings the sheet back with everything in it, and sends again with the same key', async () => {
  const fetched = vi.fn<typeof fetch>(() => Promise.reject(new TypeError('Failed to fetch')))
  vi.stubGlobal('fetch', fetched)
  const client = show()
  type('order.lost')
  send()
  expect(screen.getByText('closed')).toBeTruthy()
  await waitFor(() => expect(client.getQueryData(keys.outgoing)).toEqual([]))
  await screen.findByText('open')
  expect(screen.getByLabelText<HTMLInputElement>('Type').value).toBe('order.lost')
  expect(screen.getByRole('alert').textContent).toContain('The server cannot be reached')
  send()
  await waitFor(() => expect(fetched).toHaveBeenCalledTimes(2))
  const keysSent = fetched.mock.calls.map(([, init]) => new Headers(init?.headers).get('Idempotency-Key'))
  expect(keysSent[0]).toBeTruthy()
  expect(keysSent[1]).toBe(keysSent[0])
})

it('a refusal is shown at its field', async () => {
  const problem = {
    title: 'Invalid event',
    code: 'invalid',
    errors: [{ field: 'source', reason: 'is not known' }],
  }
  vi.stubGlobal('fetch', () => Promise.resolve(Response.json(problem, { status: 422 })))
  show()
  send()
  await screen.findByRole('alert')
  expect(screen.getByLabelText('Source').getAttribute('aria-invalid')).toBe('true')
})

it('a form with a fault is not sent', () => {
  const fetched = vi.fn()
  vi.stubGlobal('fetch', fetched)
  show()
  fireEvent.change(screen.getByLabelText('Payload'), { target: { value: '{"a": }' } })
  send()
  expect(screen.getByText(/^1:7 /)).toBeTruthy()
  expect(fetched).not.toHaveBeenCalled()
})
