import { expect, it, vi } from 'vitest'
import { operationsApi } from './operations'

const operation = { id: 'opn_1', kind: 'acknowledge', status: 'running', total: 3, done: 0, skipped: 0 }

it('counts, begins, follows and stops', async () => {
  const asked: [string, RequestInit][] = []
  vi.stubGlobal('fetch', (path: string, init: RequestInit) => {
    asked.push([`${init.method ?? 'GET'} ${path}`, init])
    const body = typeof init.body === 'string' ? (JSON.parse(init.body) as { dry_run?: boolean }) : {}
    return Promise.resolve(Response.json(body.dry_run ? { count: 3 } : operation))
  })
  const api = operationsApi({ token: 't' })
  const selection = { status: 'pending', types: ['order.*'] } as const
  expect(await api.count(selection)).toBe(3)
  expect(await api.acknowledge(selection)).toEqual(operation)
  expect(await api.get('opn_1')).toEqual(operation)
  expect(await api.stop('opn_1')).toEqual(operation)
  expect(asked.map(([what]) => what)).toEqual([
    'POST /api/operations',
    'POST /api/operations',
    'GET /api/operations/opn_1',
    'POST /api/operations/opn_1/stop',
  ])
  expect(asked[0]?.[1].body).toBe(
    '{"kind":"acknowledge","selection":{"status":"pending","types":["order.*"]},"dry_run":true}',
  )
  expect(asked[1]?.[1].body).toBe(
    '{"kind":"acknowledge","selection":{"status":"pending","types":["order.*"]}}',
  )
})

it('a refusal is a problem', async () => {
  const body = { title: 'Conflict', status: 409, code: 'conflict', detail: 'One is running.' }
  vi.stubGlobal('fetch', () => Promise.resolve(Response.json(body, { status: 409 })))
  await expect(operationsApi({ token: 't' }).acknowledge({ types: ['*'] })).rejects.toMatchObject(body)
})
