// A server with something of everything: events and endpoints in each state, a receiver's log.
import { createHmac } from 'node:crypto'
import { until } from './browser.mjs'

/** The answer to a path such as /503: that status, with more than is seen at once. */
export const answerByPath = ({ url }) => ({
  status: Number(url.slice(1)),
  text: '{"answer": "of the receiver"}\n'.repeat(40),
})

/** Fills a server. The endpoints by what they are, and the event that failed. */
export async function fill(server, receiver) {
  const make = (name, status, more = {}) =>
    server.api('POST', '/api/endpoints', {
      url: `${receiver.url}/${status}`,
      description: name,
      types: [`${name}.*`],
      retry_schedule_ms: [0, 3_600_000],
      ...more,
    })
  const get = (endpoint) => server.api('GET', `/api/endpoints/${endpoint.id}`)
  const endpoints = {}
  for (const [name, status, more] of [
    ['healthy', 204],
    ['failing', 503],
    ['retrying', 503],
    ['lost', 400, { retry_schedule_ms: [0] }],
    ['gone', 410],
    ['paused', 204],
    ['idle', 204],
  ])
    endpoints[name] = await make(name, status, more)
  const own = await server.api('POST', '/api/endpoints', {
    url: `${server.url}/api/webhook`,
    description: 'Own receiver',
    types: ['trip.*'],
  })
  await server.api('PATCH', `/api/endpoints/${endpoints.paused.id}`, { paused: true })

  const event = {}
  for (const name of ['healthy', 'retrying', 'lost', 'gone', 'paused', 'trip'])
    event[name] = await server.send(`${name}.made`, {
      order: 7,
      lines: [{ sku: 'a', size: null }],
      paid: true,
    })
  for (let i = 0; i < 4; i++) {
    event.failing = await server.send('failing.made', { i })
    await until('a failure', async () => (await get(endpoints.failing)).consecutive_failures > i)
  }
  for (let i = 0; i < 12; i++) event.inbox = await server.send('inbox.waits', { i })
  const { id } = await server.send('inbox.taken')
  await server.api('POST', `/api/inbox/${id}/ack`)
  await refused(server, own)

  const isSo = {
    healthy: (e) => e.delivered === 1,
    retrying: (e) => e.consecutive_failures === 1,
    lost: (e) => e.failed === 1,
    gone: (e) => e.status === 'disabled',
  }
  for (const [name, so] of Object.entries(isSo)) await until(name, async () => so(await get(endpoints[name])))
  await until('the log', async () => (await server.api('GET', '/api/webhooks/logs')).logs.length === 2)
  return { endpoints: { ...endpoints, own }, event }
}

/** The receiver is sent a webhook with a wrong signature. */
async function refused(server, endpoint) {
  const timestamp = String(Math.floor(Date.now() / 1000))
  const signature = createHmac('sha256', 'wrong').update(timestamp).digest('base64')
  await fetch(`${server.url}/api/webhook`, {
    method: 'POST',
    headers: {
      'webhook-id': endpoint.id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signature}`,
    },
    body: '{"type": "trip.forged"}',
  })
}
