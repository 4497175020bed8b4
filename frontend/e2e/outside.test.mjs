// Our own clients where the world is not as they would have it: foreign messages, servers that come back, proxies.
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { CONNECTED, launch, openTab, until, untilStatus } from './browser.mjs'
import { labPages, openLab } from './lab.mjs'
import { startNginx } from './nginx.mjs'
import { startProxy } from './proxy.mjs'
import { startServer } from './server.mjs'
import { tokenOf } from './strangers.mjs'

let server, browser, pages, token, proxy, context
before(async () => {
  ;[server, browser, pages] = await Promise.all([startServer(), launch(), labPages()])
  token = await tokenOf(server)
})
after(async () => {
  await browser?.close()
  await server?.close()
})
beforeEach(async () => {
  proxy = await startProxy(server, pages)
  context = await browser.newContext()
})
afterEach(async () => {
  await context.close()
  proxy.close()
})

test('onMessage hears what its library does not know', async () => {
  const lab = await openLab(context, proxy.url)
  await lab.start({ token, dialect: 'plain' })
  await lab.untilState('connected')
  proxy.inject({ type: 'stock_update', data: { id: 'sku_1', left: 3 }, timestamp: new Date().toISOString() })
  await lab.untilFrame('sku_1')
  const frames = await lab.get('frames')
  assert.equal(frames.find((f) => f.id === 'sku_1').type, 'stock_update')
  assert.equal(await lab.state(), 'connected')
})

test('no address of the dashboard has a token, and the console shows none', async () => {
  const tab = await openTab(context, proxy.url, server)
  await untilStatus(tab, CONNECTED)
  proxy.answer(502)
  proxy.drop()
  await untilStatus(tab, /reconnecting/i)
  await until('an attempt in vain', () => tab.errors.some((words) => /WebSocket connection to/.test(words)))
  proxy.mend()
  await untilStatus(tab, CONNECTED)
  assert.ok(proxy.upgrades.length >= 3)
  for (const { url } of proxy.upgrades) assert.doesNotMatch(url, /token=|apier_|eyJ/)
  for (const words of tab.errors) assert.doesNotMatch(words, /token=|apier_|eyJ/)
})

test('an API key in the hook stands in no address, whatever the dialect may be', async () => {
  const lab = await openLab(context, proxy.url)
  await lab.start({ token: server.key })
  await lab.untilState('connected')
  for (const { url } of proxy.upgrades) assert.ok(!url.includes(server.key), url)
})

test('the server is back: the poll that succeeds wakes the connection', async () => {
  const tab = await openTab(context, proxy.url, server, 'events')
  await tab.page.clock.install()
  await tab.page.reload()
  await untilStatus(tab, CONNECTED)
  const now = () => tab.page.evaluate(() => Date.now())
  await tab.page.clock.pauseAt((await now()) + 10_000)
  const since = proxy.upgrades.length
  await server.kill()
  const pass = async () => tab.page.clock.runFor(1000)
  await until('the sixth attempt in vain', async () => (await pass(), proxy.upgrades.length >= since + 6))
  await server.start()
  const [back, dialled] = [await now(), proxy.upgrades.length]
  await until('a connection', async () => (await pass(), proxy.upgrades.length > dialled))
  const seconds = ((await now()) - back) / 1000
  assert.ok(seconds <= 12, `${seconds} s of the page's clock; its own next attempt is 30 s after the last`)
  await untilStatus(tab, CONNECTED)
})

test('a hundred channels with long names come back through nginx, and nothing is lost', async () => {
  const nginx = await startNginx(server)
  const front = await startProxy(nginx, pages)
  try {
    const lab = await openLab(context, front.url)
    const type = (i) => `${'x'.repeat(90)}${String(i).padStart(3, '0')}`
    await lab.start({ token, dialect: 'v1', channels: [] })
    await lab.untilState('connected')
    const outcomes = await lab.run(
      async (channels) => {
        const told = []
        for (const channel of channels) told.push((await window.lab.ws.subscribe(channel)).status)
        return told
      },
      Array.from({ length: 100 }, (_, i) => `events:${type(i)}`),
    )
    assert.deepEqual(new Set(outcomes), new Set(['live']))
    for (const i of [0, 99]) {
      const since = front.upgrades.length
      front.cut()
      await lab.untilState('reconnecting')
      const { id } = await server.send(type(i))
      front.mend()
      await lab.untilState('connected')
      await lab.untilFrame(id)
      assert.equal(await lab.run(() => window.lab.ws.resumed), true)
      for (const { url } of front.upgrades.slice(since)) assert.ok(url.length <= 2048, `${url.length} bytes`)
    }
    const { id } = await server.send(type(50))
    await lab.untilFrame(id)
  } finally {
    front.close()
    await nginx.close()
  }
})
