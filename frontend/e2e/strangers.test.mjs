// A stranger's client meets the guide's server: three libraries as they are, and a client written from the guide alone.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { launch, setVisibility, until } from './browser.mjs'
import { strangersPages } from './lab.mjs'
import { startProxy } from './proxy.mjs'
import { startServer } from './server.mjs'
import { CLIENTS, openStranger, storeOf, tokenOf } from './strangers.mjs'

let server, proxy, browser, token
before(async () => {
  const pages = await strangersPages()
  server = await startServer()
  proxy = await startProxy(server, pages)
  browser = await launch()
  token = await tokenOf(server)
})
after(async () => {
  await browser?.close()
  proxy?.close()
  await server?.close()
})

const ENVELOPE = ['data', 'timestamp', 'type']
const DATA = {
  event_update: ['delivery_latency_ms', 'id', 'status', 'updated_at'],
  metrics_update: ['delivered_events', 'failed_events', 'pending_events', 'total_events'],
}
const names = (object) => Object.keys(object).sort()

/** The guide's ways to wait: without its jitter of up to a second. */
const GUIDE_DELAYS = [1, 2, 4, 8, 16, 30, 30, 30, 30, 30].map((s) => s * 1000)

for (const client of CLIENTS) {
  describe(client, () => {
    test('a good token: every change, in the shapes of the guide and no other', async () => {
      const context = await browser.newContext()
      const tab = await openStranger(context, proxy.url, { client, token })
      await tab.until(
        'the connection, and its list',
        () => window.strangers.connected && window.strangers.polls > 0,
      )
      await tab.settle()
      const small = await server.send('order.created', { order: 7 })
      const large = await server.send('order.large', { x: 'x'.repeat(5000) })
      await tab.untilHeard('event_created', large.id)
      await server.api('POST', `/api/inbox/${small.id}/ack`)
      await tab.untilHeard('event_update', small.id)
      await server.api('DELETE', `/api/events/${small.id}`)
      await tab.untilHeard('event_deleted', small.id)
      await until('the counters', async () => {
        const { total_events } = await tab.get('metrics')
        return total_events === Object.keys(await storeOf(server)).length
      })

      const messages = await tab.get('messages')
      for (const message of messages) {
        assert.deepEqual(names(message), ENVELOPE)
        assert.ok(!Number.isNaN(Date.parse(message.timestamp)))
        if (DATA[message.type]) assert.deepEqual(names(message.data), DATA[message.type])
      }
      const created = Object.fromEntries((await tab.heard('event_created')).map((m) => [m.data.id, m.data]))
      assert.deepEqual(created[small.id].payload, { order: 7 })
      assert.deepEqual(created[large.id].payload, {}, 'an object, whatever was sent')
      assert.equal(created[large.id].payload_truncated, true)
      const [update] = (await tab.heard('event_update')).filter((m) => m.data.id === small.id)
      assert.equal(update.data.status, 'delivered')
      assert.equal(typeof update.data.delivery_latency_ms, 'number')
      assert.deepEqual(await tab.get('events'), await storeOf(server))
      assert.deepEqual(tab.errors, [])
      await context.close()
    })

    test('a bad token: it waits longer each time, and gives up', async () => {
      const context = await browser.newContext()
      const since = proxy.upgrades.length
      const tab = await openStranger(context, proxy.url, { client, token: 'bad', frozen: true })
      const upgrades = () => proxy.upgrades.length - since
      await tab.pass('the last attempt', () => upgrades() === 11)
      await tab.page.clock.runFor(600_000)
      await tab.settle()
      assert.equal(upgrades(), 11, 'the first, and ten more')
      assert.equal(tab.refusals.length, 11)
      for (const words of tab.refusals) assert.match(words, /401|Authentication failed/)

      const dials = await tab.get('dials')
      assert.ok(dials.every((d) => !d.opened))
      const waits = dials.slice(1).map((d, i) => d.at - dials[i].closedAt)
      if (client === 'guide' || client === 'react-use-websocket')
        waits.forEach((wait, i) =>
          assert.ok(wait >= GUIDE_DELAYS[i] && wait <= GUIDE_DELAYS[i] + 1000, `${waits}`),
        )
      else assert.ok(waits.at(-1) >= 2 * waits[0], `${waits}`)
      assert.deepEqual(tab.errors, [])
      await context.close()
    })

    test('a server that is killed: it polls, and comes back with the state of the store', async () => {
      const context = await browser.newContext()
      const tab = await openStranger(context, proxy.url, { client, token, frozen: true })
      const shows = async () => isDeepStrictEqual(await tab.get('events'), await storeOf(server))
      await tab.pass('the connection', () => tab.get('connected'))
      const kept = await server.send('order.kept')
      const gone = await server.send('order.gone')
      await tab.untilHeard('event_created', gone.id)

      await server.kill()
      await tab.until('the loss', () => !window.strangers.connected)
      const failed = (await tab.get('dials')).length
      await tab.pass('an attempt in vain', async () => (await tab.get('dials')).length > failed)
      proxy.cut() // HTTP is back before WebSockets are
      await server.start()
      await server.api('POST', `/api/inbox/${kept.id}/ack`)
      await server.api('DELETE', `/api/events/${gone.id}`)
      await server.send('order.meanwhile')
      await tab.pass('the state by polling', shows)
      assert.equal(await tab.get('connected'), false)

      proxy.mend()
      await tab.pass('the connection', () => tab.get('connected'))
      await tab.passSeconds(11) // the list of the connection is loaded, and a poll under way has ended
      const polls = await tab.get('polls')
      await tab.passSeconds(61)
      const live = await server.send('order.live')
      await tab.untilHeard('event_created', live.id)
      await tab.settle()
      assert.equal(await tab.get('polls'), polls, 'no polling while connected')
      assert.ok(await shows())

      await server.kill()
      await tab.until('the loss', () => !window.strangers.connected)
      await server.start()
      await server.send('order.between')
      await tab.pass('the connection', () => tab.get('connected'))
      await tab.pass('the state', shows)
      assert.deepEqual(tab.errors, [])
      await context.close()
    })
  })
}

test('guide: the heartbeat, which rests while the tab is hidden', async () => {
  const context = await browser.newContext()
  const tab = await openStranger(context, proxy.url, { client: 'guide', token, frozen: true })
  const pings = async () => (await tab.get('dials')).reduce((sum, d) => sum + d.pings, 0)
  await tab.pass('the connection', () => tab.get('connected'))
  await tab.passSeconds(61)
  assert.equal(await pings(), 2)
  assert.equal((await tab.heard('pong')).length, 2)
  await setVisibility(tab, 'hidden')
  await tab.passSeconds(120)
  assert.equal(await pings(), 2)
  await setVisibility(tab, 'visible')
  await tab.passSeconds(31)
  assert.equal(await pings(), 3)
  assert.equal((await tab.get('dials')).length, 1, 'one connection all the time')

  await setVisibility(tab, 'hidden')
  proxy.drop()
  await tab.until('the loss', () => !window.strangers.connected)
  await setVisibility(tab, 'visible')
  await tab.until('the connection, without a wait', () => window.strangers.connected)
  await context.close()
})

test('guide: after ten attempts its button works', async () => {
  const context = await browser.newContext()
  const tab = await openStranger(context, proxy.url, { client: 'guide', token, frozen: true })
  await tab.pass('the connection', () => tab.get('connected'))
  const since = proxy.upgrades.length
  proxy.answer(503)
  proxy.drop()
  await tab.until('the loss', () => !window.strangers.connected)
  await tab.pass('the end of the attempts', async () => (await tab.get('state')) === 'disconnected')
  assert.equal(proxy.upgrades.length - since, 10)
  const { id } = await server.send('order.polled')
  await tab.pass('the state by polling', async () => (await tab.get('events'))[id] === 'pending')
  proxy.mend()
  await tab.page.evaluate(() => window.strangers.reconnect())
  await tab.until('the connection', () => window.strangers.connected)
  await context.close()
})

test('guide: too many connections are refused as a bad token is', async () => {
  const small = await startServer('--max-connections-per-user', '1')
  const front = await startProxy(small, await strangersPages())
  const context = await browser.newContext()
  try {
    const good = { client: 'guide', token: await tokenOf(small), frozen: true }
    const first = await openStranger(context, front.url, good)
    await first.pass('the connection', () => first.get('connected'))
    const second = await openStranger(context, front.url, good)
    await second.pass('the end of the attempts', async () => (await second.get('state')) === 'disconnected')
    assert.equal(front.upgrades.length, 12, 'one, and eleven in vain')
    assert.equal(second.refusals.length, 11)
    for (const words of second.refusals) assert.match(words, /429/)
    assert.equal(await first.get('connected'), true)
  } finally {
    await context.close()
    front.close()
    await small.close()
  }
})
