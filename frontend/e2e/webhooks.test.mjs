// The Webhooks page against the real server and a real receiver.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { CONNECTED, launch, openTab, polls, until, untilStatus } from './browser.mjs'
import { startReceiver } from './receiver.mjs'
import { startServer } from './server.mjs'

let server, browser, receiver
let status = 204 // of the receiver's answers
before(async () => {
  server = await startServer('--allow-private-endpoints')
  browser = await launch()
  receiver = await startReceiver(() => ({ status, text: '<img src=x onerror=alert(1)>' }))
})
after(async () => {
  await browser?.close()
  receiver?.close()
  await server?.close()
})

const endpointRow = (tab) => tab.page.locator('[data-testid="endpoint-row"]').first()
const health = (tab) => endpointRow(tab).getAttribute('data-health')

test('an endpoint is made, fails, is mended, and all of it shows without a reload', async () => {
  const context = await browser.newContext()
  const tab = await openTab(context, server.url, server, 'webhooks')
  await untilStatus(tab, CONNECTED)
  await tab.page.getByText('No endpoints yet').waitFor()

  await tab.page.getByRole('button', { name: 'New endpoint' }).click()
  const form = tab.page.getByRole('dialog')
  await form.getByRole('button', { name: 'Create' }).click()
  await form.getByText('is required').waitFor()
  await form.getByLabel('URL').fill(`${receiver.url}/hooks`)
  await form.getByLabel('Name').fill('Shop <b>hooks</b>')
  await form.getByLabel('Types').fill('order.*')
  await form.getByText('Limits, retries and order').click()
  await form.getByLabel('Attempts').fill('0, 1 h')
  await form.getByRole('button', { name: 'Create' }).click()
  const secret = await tab.page.getByTestId('secret').textContent()
  assert.match(secret, /^whsec_/)
  await tab.page.getByRole('button', { name: 'I have put it away' }).click()
  await endpointRow(tab).getByText('Shop <b>hooks</b>').waitFor()
  assert.equal(await health(tab), 'idle')

  // Made and followed live: from here on, nothing is fetched but attempts that are looked at.
  const before = tab.requests.length
  status = 503
  const { id } = await server.send('order.created', { order: 7 })
  await server.send('user.created') // does not match
  await until('the failure', async () => (await health(tab)) === 'retrying')
  const panel = tab.page.getByTestId('endpoint-panel')
  const name = await endpointRow(tab).locator('td').nth(1).boundingBox()
  assert.ok(name.width > 150, `beside the panel ${name.width} px are left for the endpoint's name`)
  await panel.getByText('503 Service Unavailable').first().waitFor()
  const delivery = panel.getByTestId('delivery')
  assert.equal(await delivery.count(), 1)
  assert.equal(await delivery.getAttribute('data-status'), 'pending')
  await delivery.getByRole('button').first().click()
  await panel.getByTestId('attempt').first().waitFor()
  await panel.getByRole('button', { name: 'Show request and answer' }).click()
  await panel.getByText('<img src=x onerror=alert(1)>').waitFor() // as text

  status = 204
  await panel.getByRole('button', { name: 'Send now' }).click()
  await until('the delivery', async () => (await delivery.getAttribute('data-status')) === 'delivered')
  await until('the health', async () => (await health(tab)) === 'healthy')
  assert.deepEqual(polls(tab, before), [], 'a connected tab polls')
  const [first, second] = receiver.got
  assert.equal(first.body, '{"order":7}')
  assert.equal(first.headers['webhook-id'], id)
  assert.equal(second.headers['webhook-id'], id)
  assert.equal((await server.api('GET', `/api/events/${id}`)).status, 'delivered')

  await panel.getByRole('button', { name: 'Send a test' }).click()
  const dialog = tab.page.getByRole('dialog')
  await dialog.getByRole('button', { name: 'Send', exact: true }).click()
  await dialog.getByText('204').waitFor()
  await dialog.getByRole('button', { name: 'Close' }).last().click()

  await panel.getByRole('button', { name: 'Pause' }).click()
  await until('the pause', async () => (await health(tab)) === 'paused')
  await panel.getByRole('button', { name: 'Resume' }).click()
  await until('the end of the pause', async () => (await health(tab)) === 'healthy')

  await panel.getByRole('button', { name: 'Delete' }).click()
  await tab.page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
  await tab.page.getByText('No endpoints yet').waitFor()
  assert.deepEqual(tab.errors, [], 'nothing in the console')
  await context.close()
})

test('what was given up is counted, then recovered', async () => {
  status = 400
  const endpoint = await server.api('POST', '/api/endpoints', {
    url: `${receiver.url}/hooks`,
    retry_schedule_ms: [0],
    types: ['bulk.*'],
  })
  for (let i = 0; i < 4; i++) await server.send('bulk.sent', { i })
  await until(
    'all to be given up',
    async () => (await server.api('GET', `/api/endpoints/${endpoint.id}`)).failed === 4,
  )
  const context = await browser.newContext()
  const tab = await openTab(context, server.url, server, `webhooks?endpoint=${endpoint.id}`)
  const panel = tab.page.getByTestId('endpoint-panel')
  status = 200
  await panel.getByRole('button', { name: 'Recover' }).click()
  await tab.page.getByTestId('recover-count').getByText('4 to send').waitFor()
  await tab.page.getByRole('button', { name: 'Send 4' }).click()
  await until(
    'the recovery',
    async () => (await server.api('GET', `/api/endpoints/${endpoint.id}`)).delivered === 4,
  )
  await until(
    'the page to show it',
    async () => (await panel.locator('[data-testid="delivery"][data-status="delivered"]').count()) === 4,
  )
  await context.close()
})

test('the dashboard says which endpoint needs somebody, for as long as it does', async () => {
  const endpoint = await server.api('POST', '/api/endpoints', {
    url: `${receiver.url}/hooks`,
    description: 'Ledger',
    retry_schedule_ms: [0],
    types: ['ledger.*'],
  })
  const context = await browser.newContext()
  const tab = await openTab(context, server.url, server)
  await untilStatus(tab, CONNECTED)
  const stuck = tab.page.getByTestId('stuck-endpoints')
  const line = stuck.getByRole('link', { name: 'Ledger' })
  status = 400
  const event = await server.send('ledger.booked')
  await line.getByText('Gave up').waitFor()
  await line.getByText('400 Bad Request').waitFor()
  const before = tab.requests.length
  status = 200
  const { deliveries } = await server.api('GET', `/api/events/${event.id}/deliveries`)
  await server.api('POST', `/api/deliveries/${deliveries[0].id}/retry`)
  await line.waitFor({ state: 'detached' })
  assert.deepEqual(polls(tab, before), [], 'a connected tab polls')

  status = 400
  await server.send('ledger.booked')
  await line.click()
  assert.equal(
    await tab.page.getByTestId('endpoint-panel').getByRole('heading').first().innerText(),
    'Ledger',
  )
  assert.ok(tab.page.url().endsWith(`/webhooks?endpoint=${endpoint.id}`), tab.page.url())
  assert.deepEqual(tab.errors, [], 'nothing in the console')
  await context.close()
})

test('a round trip to the own receiver is watched, and its signature checked', async () => {
  const { id, secret } = await server.api('POST', '/api/endpoints', {
    url: `${server.url}/api/webhook`,
    types: ['trip.*'],
  })
  const context = await browser.newContext()
  const tab = await openTab(context, server.url, server, 'webhooks?view=receiver')
  await untilStatus(tab, CONNECTED)
  await tab.page.getByText('Nothing received').waitFor()
  const event = await server.send('trip.made', { note: '<b>far</b>' })
  const entry = tab.page.getByTestId('receiver-entry').first()
  await entry.waitFor()
  assert.equal(await entry.getAttribute('data-verified'), 'true')
  await entry.getByRole('button').click()
  await entry.getByText('{"note":"<b>far</b>"}').waitFor()
  await until(
    'the delivery',
    async () => (await server.api('GET', `/api/events/${event.id}`)).status === 'delivered',
  )

  const { logs } = await server.api('GET', '/api/webhooks/logs')
  assert.equal(logs[0].webhook_id, event.id)
  assert.equal(logs[0].endpoint_id, id)
  await tab.page.getByRole('button', { name: 'Signature checker' }).click()
  await tab.page.getByLabel('Secret', { exact: true }).fill(secret)
  for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature'])
    await tab.page.getByLabel(name).fill(logs[0].headers[name])
  const steps = tab.page.getByTestId('verify-steps')
  const check = async (body, valid) => {
    await tab.page.getByLabel('Body').fill(body)
    await tab.page.getByRole('button', { name: 'Check', exact: true }).click()
    await until(`a verdict: ${valid}`, async () => (await steps.getAttribute('data-valid')) === String(valid))
  }
  await check('{"note":"<b>far</b>"}', true)
  await check('{ "note": "<b>far</b>" }', false)
  await steps.getByText(/sign the very bytes that are sent/).waitFor() // the usual mistake is named
  assert.deepEqual(tab.errors, [], 'nothing in the console')
  await context.close()
})

test('an endpoint at an address that nothing goes to says so when it is made', async () => {
  const context = await browser.newContext()
  const tab = await openTab(context, server.url, server, 'webhooks')
  await untilStatus(tab, CONNECTED)
  await tab.page.getByRole('button', { name: 'New endpoint' }).click()
  const form = tab.page.getByRole('dialog')
  await form.getByLabel('URL').fill('http://169.254.169.254/latest')
  await form.getByRole('button', { name: 'Create' }).click()
  await form.getByTestId('secret').waitFor()
  assert.match(await form.getByTestId('warning').innerText(), /169\.254\.169\.254 .*nothing allows that/)
  assert.deepEqual(tab.errors, [], 'nothing in the console')
  await context.close()
})
