// What a newcomer sees: two tabs, one event, no reload and no polling.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  CONNECTED,
  launch,
  openTab,
  polls,
  row,
  until,
  untilCard,
  untilRow,
  untilStatus,
} from './browser.mjs'
import { startServer } from './server.mjs'

let server, browser
before(async () => {
  server = await startServer()
  browser = await launch()
})
after(async () => {
  await browser?.close()
  await server?.close()
})

test('an event sent in one tab lives in the other', async () => {
  const context = await browser.newContext()
  const a = await openTab(context, server.url, server)
  await untilStatus(a, CONNECTED)
  assert.ok(!a.page.url().includes('key='), 'the key stays in the address bar')

  const b = { page: await context.newPage(), requests: [] }
  b.page.on('request', (r) => b.requests.push(`${r.method()} ${new URL(r.url()).pathname}`))
  await b.page.goto(`${server.url}/events`) // signed in by the first tab
  await untilStatus(b, CONNECTED)
  await b.page.getByText('No events yet').waitFor()
  await b.page.waitForLoadState('networkidle')
  const opened = b.requests.length
  await untilCard(a, 'total', 0)

  await a.page.getByRole('button', { name: 'Send event' }).first().click()
  const sheet = a.page.getByRole('dialog')
  await sheet.getByLabel('Type').fill('order.created')
  await sheet.getByLabel('Source').fill('browser')
  await sheet.getByLabel('Payload').fill('{"order": 7, "note": "<img src=x onerror=alert(1)>"}')
  const answered = a.page.waitForResponse((r) => r.url().endsWith('/api/events') && r.status() === 201)
  await sheet.getByRole('button', { name: /^send/i }).click()
  const { id } = await (await answered).json()
  await untilRow(b, id)
  assert.deepEqual(polls(b, opened), [], 'the other tab shows it without asking')
  assert.equal(await row(b, id).getAttribute('data-status'), 'pending')
  assert.equal(await b.page.locator('[data-testid="event-row"]').count(), 1, 'once, not twice')
  await untilCard(a, 'total', 1)
  await untilCard(a, 'pending', 1)

  await server.api('POST', `/api/inbox/${id}/ack`)
  await until(
    'the acknowledgement',
    async () => (await row(b, id).getAttribute('data-status')) === 'delivered',
  )
  await untilCard(a, 'delivered', 1)
  await untilCard(a, 'pending', 0)

  const [before_a, before_b] = [a.requests.length, b.requests.length]
  await b.page.waitForTimeout(11_000) // longer than the polling interval: this is what is being measured
  assert.deepEqual(polls(a, before_a), [], 'a connected tab polls')
  assert.deepEqual(polls(b, before_b), [], 'a connected tab polls')

  await server.api('DELETE', `/api/events/${id}`)
  await untilRow(b, id, 'detached')
  await untilCard(a, 'total', 0)
  assert.deepEqual(a.errors, [], 'nothing in the console, a violated Content-Security-Policy included')
  await context.close()
})

test('an event that is refused is taken back, with the reason and nothing typed lost', async () => {
  const context = await browser.newContext()
  const tab = await openTab(context, server.url, server, 'events')
  await untilStatus(tab, CONNECTED)
  await context.route('**/api/events', (route) =>
    route.request().method() === 'POST'
      ? route.fulfill({
          status: 503,
          contentType: 'application/problem+json',
          body: JSON.stringify({
            title: 'Service Unavailable',
            status: 503,
            detail: 'The server has more writes waiting than it can hold.',
            code: 'unavailable',
          }),
        })
      : route.continue(),
  )
  await tab.page.getByRole('button', { name: 'Send event' }).first().click()
  const sheet = tab.page.getByRole('dialog')
  await sheet.getByLabel('Type').fill('order.refused')
  await sheet.getByLabel('Source').fill('browser')
  await sheet.getByLabel('Payload').fill('{"kept": true}')
  await sheet.getByRole('button', { name: /^send/i }).click()
  await tab.page
    .getByText(/more writes waiting/i)
    .first()
    .waitFor()
  assert.equal(await tab.page.locator('[data-testid="event-row"]').count(), 0, 'the optimistic row is gone')
  assert.equal(await tab.page.getByRole('dialog').getByLabel('Payload').inputValue(), '{"kept": true}')
  await context.close()
})
