import { expect, it } from 'vitest'
import { NO_FILTERS } from '../../lib/query/filters'
import type { ApiClient } from '../api/client'
import { ApiProblem } from '../api/problem'
import { createQueryClient } from '../queries'
import { acknowledgeAll, selectionOf, selectionsOf } from './operations'

it('selects what the list shows', () => {
  expect(selectionOf(NO_FILTERS)).toEqual({ types: ['*'] })
  expect(
    selectionOf({ ...NO_FILTERS, status: 'failed', type: 'order.*, user.created', search: 'x' }),
  ).toEqual({
    status: 'failed',
    types: ['order.*', 'user.created'],
    search: 'x',
  })
})

it('asks for 13 900 events in parts that the server takes', () => {
  const ids = Array.from({ length: 13_900 }, (_, i) => `evt_${i}`)
  const parts = selectionsOf(ids)
  expect(parts).toHaveLength(14)
  expect(parts.flatMap((p) => p.ids)).toEqual(ids)
})

function server(statuses: (string | number)[]) {
  const asked: string[] = []
  const json = (method: string, path: string) => {
    asked.push(`${method} ${path}`)
    const status = statuses.shift()
    if (typeof status === 'number') return Promise.reject(new ApiProblem({ title: `no ${status}`, status }))
    return Promise.resolve({ id: 'opn_1', status, done: 10, skipped: 1 })
  }
  return { asked, api: { json } as unknown as ApiClient }
}

const now = () => Promise.resolve()

it('follows each to its end, one after another', async () => {
  const { api, asked } = server(['running', 'running', 'done', 'done'])
  expect(await acknowledgeAll(api, createQueryClient(), [{ ids: ['a'] }, { ids: ['b'] }], now)).toEqual({
    done: 20,
    skipped: 2,
    isStopped: false,
  })
  expect(asked.map((a) => a.split(' ')[0])).toEqual(['POST', 'GET', 'GET', 'POST'])
})

it('what was stopped begins no other', async () => {
  const { api, asked } = server(['running', 'stopped'])
  expect(await acknowledgeAll(api, createQueryClient(), [{ ids: ['a'] }, { ids: ['b'] }], now)).toMatchObject(
    {
      done: 10,
      isStopped: true,
    },
  )
  expect(asked).toHaveLength(2)
})

it('a server that is away for a while, or busy, ends nothing', async () => {
  const { api } = server(['running', 0, 503, 429, 'running', 'done', 'done'])
  expect(await acknowledgeAll(api, createQueryClient(), [{ ids: ['a'] }, { ids: ['b'] }], now)).toEqual({
    done: 20,
    skipped: 2,
    isStopped: false,
  })
})

it('an operation that nobody may look at any more ends the wait', async () => {
  const { api } = server(['running', 404])
  await expect(acknowledgeAll(api, createQueryClient(), [{ ids: ['a'] }], now)).rejects.toThrow('no 404')
})

it('tells what was done before one could not begin', async () => {
  const { api } = server(['done', 409, 'done'])
  const parts = [{ ids: ['a'] }, { ids: ['b'] }, { ids: ['c'] }]
  expect(await acknowledgeAll(api, createQueryClient(), parts, now)).toEqual({
    done: 10,
    skipped: 1,
    isStopped: false,
    problem: 'no 409',
  })
})
