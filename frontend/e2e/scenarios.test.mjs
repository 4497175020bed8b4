// The five test scenarios of the WebSocket integration guide.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import {
  CONNECTED,
  launch,
  openTab,
  polls,
  setVisibility,
  until,
  untilCard,
  untilRow,
  untilStatus,
} from './browser.mjs'
import { startProxy } from './proxy.mjs'
import { startServer } from './server.mjs'

let server, proxy, browser, context
beforeEach(async () => {
  server = await startServer()
  proxy = await startProxy(server)
  browser = await launch()
  context = await browser.newContext()
})
afterEach(async () => {
  await browser?.close()
  proxy?.close()
  await server?.close()
})

test('1 normal operation: connects, receives updates, does not poll', async () => {
  const { id: before } = await server.send('order.before')
  const tab = await openTab(context, proxy.url, server, 'events')
  await untilStatus(tab, CONNECTED)
  await untilRow(tab, before) // the page has its list
  const since = tab.requests.length
  const { id } = await server.send('order.created')
  await untilRow(tab, id)
  assert.deepEqual(polls(tab, since), [])
})

test('2a connection lost: reconnecting with a countdown, polling meanwhile, then live with all that happened', async () => {
  const tab = await openTab(context, proxy.url, server, 'events')
  await untilStatus(tab, CONNECTED)
  const { id: before } = await server.send('order.before')
  await untilRow(tab, before)
  proxy.cut()
  await untilStatus(tab, /reconnecting/i)
  await tab.page
    .getByText(/\bin \d+ ?s|\d+ ?s\b/)
    .first()
    .waitFor()
  const since = tab.requests.length
  const { id: meanwhile } = await server.send('order.meanwhile')
  await untilRow(tab, meanwhile)
  assert.ok(polls(tab, since).length > 0, 'it polls while it is not connected')
  proxy.mend()
  await untilStatus(tab, CONNECTED)
  const { id: after } = await server.send('order.after')
  await untilRow(tab, after)
  const live = tab.requests.length
  const { id: later } = await server.send('order.later')
  await untilRow(tab, later)
  assert.deepEqual(polls(tab, live), [], 'the polling has ended')
})

test('2b server killed and restarted: the tab resumes and shows what happened in between', async () => {
  const tab = await openTab(context, server.url, server, 'events')
  await untilStatus(tab, CONNECTED)
  const { id: kept } = await server.send('order.kept')
  const { id: gone } = await server.send('order.gone')
  await untilRow(tab, gone)
  await server.kill()
  await untilStatus(tab, /reconnecting/i)
  await server.start()
  const { id: between } = await server.send('order.between')
  await server.api('DELETE', `/api/events/${gone}`)
  await server.api('POST', `/api/inbox/${kept}/ack`)
  await untilStatus(tab, CONNECTED)
  await untilRow(tab, between)
  await untilRow(tab, gone, 'detached')
  await until(
    'the acknowledgement',
    async () => (await tab.page.locator(`[data-event-id="${kept}"][data-status="delivered"]`).count()) > 0,
  )
})

test('3 attempts exhausted: disconnected, a retry button, polling, and the retry works', async () => {
  const tab = await openTab(context, proxy.url, server, 'events?reconnect=2,50,100')
  await untilStatus(tab, CONNECTED)
  proxy.cut()
  await untilStatus(tab, /disconnected/i)
  const { id } = await server.send('order.polled')
  await untilRow(tab, id)
  proxy.mend()
  await tab.page
    .getByRole('button', { name: /retry|reconnect/i })
    .first()
    .click()
  await untilStatus(tab, CONNECTED)
})

test('4 tab visibility: hidden stops the heartbeat and keeps the connection, shown resumes it', async () => {
  const tab = await openTab(context, proxy.url, server, 'events')
  await untilStatus(tab, CONNECTED)
  await tab.page.clock.install()
  const pings = () => tab.sent.filter((f) => f.includes('"ping"')).length
  await tab.page.reload()
  await untilStatus(tab, CONNECTED)
  const start = pings()
  await tab.page.clock.runFor(31_000)
  await until('a ping every 30 s', () => pings() === start + 1)
  await setVisibility(tab, 'hidden')
  await tab.page.clock.runFor(120_000)
  assert.equal(pings(), start + 1, 'a hidden tab sends no heartbeat')
  const { id } = await server.send('order.hidden')
  await tab.page.clock.runFor(100)
  await setVisibility(tab, 'visible')
  await tab.page.clock.runFor(100)
  await until('a probe when shown again', () => pings() >= start + 2)
  await tab.page.clock.runFor(1_000)
  await untilRow(tab, id)
  proxy.cut()
  await tab.page.clock.runFor(1_500) // a blip of a second is not shown
  await untilStatus(tab, /reconnecting/i)
  await setVisibility(tab, 'hidden')
  proxy.mend()
  await setVisibility(tab, 'visible')
  await tab.page.clock.runFor(5_000)
  await untilStatus(tab, CONNECTED)
})

test('5 no WebSocket URL: polling only, and no error', async () => {
  const tab = await openTab(context, server.url, server, '?ws=off')
  await untilCard(tab, 'total', 0)
  await server.send('order.polled')
  await untilCard(tab, 'total', 1)
  assert.ok(polls(tab).length > 0)
  assert.deepEqual(tab.errors, [])
})
