import { expect, it, vi } from 'vitest'
import { restApi } from './rest'

const json = (body: unknown, status = 200) => Response.json(body, { status })
const answers = (...given: Response[]) => {
  const fetched = vi.fn<typeof fetch>(() => Promise.resolve(given.shift()!))
  vi.stubGlobal('fetch', fetched)
  return fetched
}
const event = { type: 't', source: 's', payload: {} }
const problem = expect.objectContaining({ name: 'ApiProblem' }) as Error

it('takes no answer for data that is not the server’s', async () => {
  const api = restApi({ token: 't' })
  const others = [
    () => new Response('<html>Sign in to the network</html>'),
    () => new Response(''),
    () => new Response('{"id":"evt_1","ty'),
    () => json(null),
    () => json([]),
  ]
  for (const other of others) {
    answers(other(), other(), other(), other())
    await expect(api.getEvent('evt_1')).rejects.toEqual(problem)
    await expect(api.summary()).rejects.toEqual(problem)
    await expect(api.listEvents(new URLSearchParams())).rejects.toEqual(problem)
    await expect(api.createEvent(event, 'k')).rejects.toEqual(problem)
  }
})

it('takes no list for an accepted event: a redirect may have made a GET of the POST', async () => {
  answers(json({ events: [], has_more: false, seq: 3 }))
  await expect(restApi({}).createEvent(event, 'k')).rejects.toEqual(problem)
})

it('asks once for a new token when the server refused the last one', async () => {
  const getToken = vi.fn(({ reason }) => (reason === 'connect' ? 'old' : 'new'))
  const refused = () => json({ title: 'Unauthorized', code: 'unauthorized' }, 401)
  const fetched = answers(refused(), json({ total: 1 }), refused(), refused())
  const api = restApi({ getToken })
  await expect(api.summary()).resolves.toEqual({ total: 1 })
  expect(getToken.mock.calls).toEqual([[{ reason: 'connect' }], [{ reason: 'unauthorized' }]])
  expect(fetched.mock.calls.map(([, init]) => init?.headers)).toEqual([
    { Authorization: 'Bearer old' },
    { Authorization: 'Bearer new' },
  ])
  await expect(api.summary()).rejects.toMatchObject({ status: 401 })
  expect(fetched).toHaveBeenCalledTimes(4)
})

it('does not ask twice with the same token', async () => {
  const fetched = answers(json({}, 401))
  await expect(restApi({ getToken: () => 't' }).summary()).rejects.toMatchObject({ status: 401 })
  expect(fetched).toHaveBeenCalledTimes(1)
})
