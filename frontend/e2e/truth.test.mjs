// What the dashboard says is true: of all endpoints, of whom it stands for, of how old its data are, of the time.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { CONNECTED, PATIENCE, launch, openTab, status, until, untilStatus } from './browser.mjs'
import { startReceiver } from './receiver.mjs'
import { startServer } from './server.mjs'

let server, browser, receiver
const shots = process.env.SHOTS
const shot = (tab, name) => shots && tab.page.screenshot({ path: `${shots}/${name}.png` })

before(async () => {
  receiver = await startReceiver(() => ({ status: 503, text: '' }))
  server = await startServer('--allow-private-endpoints')
  browser = await launch()
})

after(async () => {
  await browser?.close()
  await server?.close()
  await receiver?.close()
})

test('of 243 endpoints the oldest that fails is named on the first page, and none is called deleted', async () => {
  const endpoint = (name, types) =>
    server.api('POST', '/api/endpoints', {
      url: `${receiver.url}/hooks`,
      description: name,
      types,
      retry_schedule_ms: [0, 0, 0, 0, 3_600_000],
    })
  const oldest = await endpoint('The oldest', ['order.*'])
  for (let i = 1; i < 243; i++) await endpoint(`Endpoint ${i}`, ['never'])
  const event = await server.send('order.paid')
  await until('a failure', async () => {
    const { consecutive_failures: n } = await server.api('GET', `/api/endpoints/${oldest.id}`)
    return n >= 3
  })
  const context = await browser.newContext()
  const tab = await openTab(context, server.url, server)
  await untilStatus(tab, CONNECTED)
  await tab.page.getByTestId('stuck-endpoints').getByText('The oldest').waitFor({ timeout: PATIENCE })
  await shot(tab, 'dashboard')
  await tab.page.goto(`${server.url}/webhooks`)
  await tab.page
    .getByTestId('endpoints-summary')
    .filter({ hasText: '1 failing' })
    .waitFor({ timeout: PATIENCE })
  const first = tab.page.getByTestId('endpoint-row').first()
  assert.equal(await first.getAttribute('data-endpoint-id'), oldest.id)
  await tab.page.getByTestId('endpoints-end').filter({ hasText: '100 of 243' }).waitFor()
  await shot(tab, 'webhooks')
  await tab.page.getByRole('button', { name: 'Show more' }).click()
  await tab.page.getByTestId('endpoints-end').filter({ hasText: '200 of 243' }).waitFor()
  await tab.page.goto(`${server.url}/events?event=${event.id}`)
  const deliveries = tab.page.getByTestId('event-deliveries')
  await deliveries.getByText('The oldest').waitFor({ timeout: PATIENCE })
  assert.equal(await deliveries.getByText('a deleted endpoint').count(), 0)
  await deliveries.getByTestId('delivery').getByRole('button').first().click()
  await shot(tab, 'event')
  await deliveries.getByRole('link', { name: 'Open the endpoint' }).click()
  await tab.page.getByTestId('endpoint-panel').getByText('The oldest').first().waitFor({ timeout: PATIENCE })
  await tab.page.getByTestId('endpoint-panel').getByTestId('delivery').getByRole('button').first().click()
  await tab.page.getByRole('link', { name: 'Open the event' }).click()
  await tab.page.getByTestId('event-panel').getByText(event.id).first().waitFor({ timeout: PATIENCE })
  await context.close()
})

test('an id that never was is not found, and a deleted one was deleted', async () => {
  const { id } = await server.send('order.gone')
  await server.api('DELETE', `/api/events/${id}`)
  const context = await browser.newContext()
  const tab = await openTab(context, server.url, server)
  await untilStatus(tab, CONNECTED)
  await tab.page.goto(`${server.url}/events?event=${id}`)
  await tab.page.getByText('This event was deleted').waitFor({ timeout: PATIENCE })
  await tab.page.goto(`${server.url}/events?event=evt_06d86tnnr1x3372y4yw09mvfm4`)
  await tab.page.getByText('There is no such event').waitFor({ timeout: PATIENCE })
  await tab.page.goto(`${server.url}/webhooks?endpoint=ep_06d86tnnr1x3372y4yw09mvfm4`)
  await tab.page.getByText('There is no such endpoint').waitFor({ timeout: PATIENCE })
  await context.close()
})

test('a tab keeps its identity when another signs in as somebody else', async () => {
  const made = await server.makeKey('elsewhere')
  const context = await browser.newContext()
  const first = await openTab(context, server.url, server)
  await untilStatus(first, CONNECTED)
  await first.page
    .getByTestId('identity')
    .filter({ hasText: 'Tenant default' })
    .waitFor({ timeout: PATIENCE })
  const second = await openTab(context, server.url, { key: made })
  await second.page
    .getByTestId('identity')
    .filter({ hasText: 'Tenant elsewhere' })
    .waitFor({ timeout: PATIENCE })
  const authorization = new Promise((resolve) =>
    first.page.on('request', (r) => r.method() === 'POST' && resolve(r.headers().authorization)),
  )
  await first.page.bringToFront()
  await first.page.getByRole('button', { name: 'Send event' }).first().click()
  await first.page.getByRole('dialog').getByRole('button', { name: 'Send', exact: true }).click()
  const claims = JSON.parse(Buffer.from((await authorization).split('.')[1], 'base64url').toString())
  assert.ok(claims.tenant === undefined || claims.tenant === 'default', JSON.stringify(claims))
  await first.page.getByTestId('identity').filter({ hasText: 'Tenant default' }).waitFor()
  await first.page.reload()
  await first.page
    .getByTestId('identity')
    .filter({ hasText: 'Tenant default' })
    .waitFor({ timeout: PATIENCE })
  await context.close()
})

test('all that match are acknowledged by one operation', async () => {
  for (let i = 0; i < 3; i++) {
    const batch = Array.from({ length: 100 }, (_, n) => ({
      type: 'bulk.made',
      source: 'e2e',
      payload: { n },
    }))
    await server.api('POST', '/api/events/batch', batch)
  }
  const context = await browser.newContext()
  const tab = await openTab(context, server.url, server)
  await untilStatus(tab, CONNECTED)
  await tab.page.goto(`${server.url}/events?type=bulk.*&status=pending`)
  await tab.page.getByTestId('event-row').first().waitFor({ timeout: PATIENCE })
  await tab.page.getByRole('checkbox', { name: 'Select all loaded events' }).check()
  await tab.page.getByRole('button', { name: 'Select all that match' }).click()
  await tab.page.getByText('All that match: 300 to acknowledge').waitFor({ timeout: PATIENCE })
  await shot(tab, 'bulk')
  const from = tab.requests.length
  await tab.page.getByRole('button', { name: 'Acknowledge' }).click()
  await tab.page.getByText('300 acknowledged').waitFor({ timeout: PATIENCE })
  assert.ok(!tab.requests.slice(from).some((r) => r.endsWith('/ack')), 'an event was acknowledged alone')
  const { events } = await server.api('GET', '/api/events?type=bulk.*&status=pending')
  assert.equal(events.length, 0)
  await context.close()
})

test('a browser whose clock is hours ahead shows what the server says, and tells the reader', async () => {
  const context = await browser.newContext()
  await context.addInitScript(() => {
    const real = Date.now.bind(Date)
    const ahead = 5 * 3_600_000
    const Real = Date
    globalThis.Date = class extends Real {
      constructor(...given) {
        super(...(given.length === 0 ? [real() + ahead] : given))
      }
      static now() {
        return real() + ahead
      }
    }
  })
  const tab = await openTab(context, server.url, server)
  await untilStatus(tab, CONNECTED)
  await tab.page.getByTestId('clock-notice').filter({ hasText: '5 h ahead' }).waitFor({ timeout: PATIENCE })
  await server.send('order.paid')
  const perMinute = tab.page.getByTestId('throughput').locator('dl > div', { hasText: 'per minute' })
  await until('a rate above 0', async () => /[1-9]/.test(await perMinute.innerText()))
  await shot(tab, 'clock')
  await context.close()
})

test('a server that is stopped leaves grey and an age, on every page, and nothing that is well', async () => {
  const context = await browser.newContext()
  const tab = await openTab(context, server.url, server)
  await untilStatus(tab, CONNECTED)
  // A page that was not opened before has to be fetched from the server.
  await tab.page.getByRole('link', { name: 'Webhooks' }).first().click()
  await tab.page.getByTestId('endpoint-row').first().waitFor({ timeout: PATIENCE })
  await tab.page.getByRole('link', { name: 'Dashboard' }).first().click()
  await tab.page.getByTestId('stuck-endpoints').getByText('The oldest').waitFor({ timeout: PATIENCE })
  await server.kill()
  await tab.page.locator('main[data-stale="true"]').waitFor({ timeout: PATIENCE })
  await tab.page
    .getByTestId('data-age')
    .filter({ hasText: /as of \d/ })
    .waitFor({ timeout: PATIENCE })
  await tab.page.getByTestId('stuck-endpoints').getByText('The oldest').waitFor()
  await tab.page
    .getByTestId('stuck-endpoints')
    .getByText(/as of \d/)
    .first()
    .waitFor({ timeout: PATIENCE })
  const colour = (part, name) => part.evaluate((e, property) => window.getComputedStyle(e)[property], name)
  const card = tab.page.getByTestId('card-total')
  const grey = await colour(card.getByRole('heading'), 'color')
  assert.equal(await colour(card.getByTestId('value'), 'color'), grey)
  assert.equal(await colour(card.locator('path').first(), 'stroke'), grey)
  await shot(tab, 'stopped-dashboard')
  await tab.page.getByRole('link', { name: 'Webhooks' }).first().click()
  await tab.page
    .getByTestId('endpoints-summary')
    .filter({ hasText: /as of|not known/ })
    .waitFor({ timeout: PATIENCE })
  assert.equal(await tab.page.getByText('All is well').count(), 0)
  await shot(tab, 'stopped-webhooks')
  await tab.page.getByRole('link', { name: 'Events', exact: true }).first().click()
  await tab.page.locator('main[data-stale="true"]').waitFor()
  await context.setOffline(true)
  await tab.page.getByText('You are offline').waitFor()
  assert.doesNotMatch(await status(tab).innerText(), CONNECTED)
  await context.setOffline(false)
  await server.start()
  await context.close()
})
