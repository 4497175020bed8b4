import { expect, it, vi } from 'vitest'
import { webhooks } from '../webhooks/api'
import { ApiClient, exchangeKey } from './client'

const client = new ApiClient({ token: () => Promise.resolve('t'), refused: vi.fn() })
const event = { type: 'order.created', source: 'shop', payload: {} }
const unreachable = { title: 'The server cannot be reached', status: 0 }

// A redirect makes a GET of a POST; a proxy shows a page of its own.
it.each([
  ['a list', () => Response.json({ events: [], has_more: false, seq: 1 })],
  [
    'a page',
    () => new Response('<h1>Sign in to the hotel</h1>', { headers: { 'Content-Type': 'text/html' } }),
  ],
])('%s is not what came of an event that was sent', async (what, answer) => {
  vi.stubGlobal('fetch', () => Promise.resolve(answer()))
  await expect(client.createEvent(event, 'k')).rejects.toMatchObject(unreachable)
  await expect(client.acknowledge('evt_1')).rejects.toMatchObject(unreachable)
  if (what === 'a page')
    await expect(client.json('GET', '/api/endpoints/health')).rejects.toMatchObject(unreachable)
  await expect(client.summary()).rejects.toMatchObject(unreachable)
  await expect(exchangeKey('apier_key')).rejects.toMatchObject(unreachable)
})

it('gives what the server says', async () => {
  vi.stubGlobal('fetch', () =>
    Promise.resolve(Response.json({ id: 'evt_1', status: 'pending' }, { status: 201 })),
  )
  expect(await client.createEvent(event, 'k')).toMatchObject({ id: 'evt_1' })
})

it.each(['export', 'health', '', '..', 'evt_1/deliveries', 'evt_1?x', 'ep_1 ', '<b>', '\u0000'])(
  'the id %j is not found, and never asked for',
  async (id) => {
    const fetched = vi.fn(() => Promise.resolve(Response.json({ id, endpoints: [] })))
    vi.stubGlobal('fetch', fetched)
    await expect(client.getEvent(id)).rejects.toMatchObject({ status: 404 })
    await expect(webhooks.endpoint(client, id)).rejects.toMatchObject({ status: 404 })
    expect(fetched).not.toHaveBeenCalled()
  },
)
