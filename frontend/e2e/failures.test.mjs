// What breaks naive hooks, each in a real browser against the real server behind the proxy.
// The waits of the hook are cut to fractions of a second (QUICK), so that no test waits for a default.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { launch, setVisibility, until } from './browser.mjs'
import { labPages, openLab } from './lab.mjs'
import { startProxy } from './proxy.mjs'
import { startServer } from './server.mjs'

let server, browser, pages, token, proxy, context, lab
before(async () => {
  ;[server, browser, pages] = await Promise.all([startServer(), launch(), labPages()])
  token = newToken()
})
after(async () => {
  await browser?.close()
  await server?.close()
})
beforeEach(async () => {
  proxy = await startProxy(server, pages)
  context = await browser.newContext()
  lab = await openLab(context, proxy.url)
})
afterEach(async () => {
  await context.close()
  proxy.close()
  assert.deepEqual(lab.errors, [], 'nothing is thrown, and React has nothing to complain of')
})

const binary = path.resolve(import.meta.dirname, '../../bin/apier')
const newToken = (...flags) =>
  execFileSync(binary, ['token', '--data', server.data, ...flags], { encoding: 'utf8' }).trim()

/** A lab that is connected. */
async function connected(options = {}) {
  await lab.start({ token, ...options })
  await lab.untilState('connected')
}

/** An event sent now reaches the page. */
async function isLive() {
  const { id } = await server.send('order.live')
  await lab.untilFrame(id)
  return id
}

const statesAfter = async (n) => (await lab.get('states')).slice(n)

test('stale closures: attempts count up, and the handler of the latest render is called', async () => {
  await connected({ word: 'old' })
  proxy.cut()
  await until('a third attempt', async () => (await lab.get('attempts')).includes(3))
  await lab.start({ token, word: 'new' })
  proxy.mend()
  await lab.untilState('connected')
  await isLive()
  assert.ok((await lab.get('heard')).includes('new event_created'))
  assert.ok(!(await lab.get('heard')).includes('old event_created'))
})

test('StrictMode: one socket is made, and none is left after the component', async () => {
  await connected()
  assert.equal(await lab.made(), 1)
  await lab.run(() => window.lab.stop())
  await until('the socket is gone', async () => (await lab.open()) === 0)
  proxy.drop()
  assert.equal(await lab.made(), 1)
})

test('unmounted while dialling: the attempt is abandoned without an error', async () => {
  proxy.blackHole()
  await lab.start({ token })
  await until('an attempt', () => proxy.upgrades.length === 1)
  await lab.run(() => window.lab.stop())
  await until('the socket is gone', async () => (await lab.open()) === 0)
  assert.deepEqual(await lab.get('states'), ['connecting'])
})

test('unmounted while a token is asked for: no socket is made when it comes', async () => {
  await lab.run((t) => (window.lab.tokens = [t]), token)
  await lab.start({ asks: true, waits: true })
  await until('the question', () => lab.run(() => window.lab.release !== null))
  await lab.run(async () => {
    window.lab.stop()
    // The end comes a macrotask after the unmount.
    await new Promise((resolve) => setTimeout(resolve, 0))
    window.lab.release()
    await new Promise((resolve) => setTimeout(resolve, 0))
  })
  assert.equal(await lab.made(), 0)
})

test('reconnect() by hand: the end of the old socket does not touch the new one', async () => {
  await connected()
  proxy.halfOpen() // the old socket learns of its end only when we say so
  await lab.run(() => window.lab.ws.reconnect())
  await until('a second socket', async () => (await lab.made()) === 2)
  await lab.untilState('connected')
  const n = (await lab.get('states')).length
  await lab.run(() => window.lab.sockets[0].onclose?.(new CloseEvent('close', { code: 1006 })))
  await isLive()
  assert.deepEqual(await statesAfter(n), [])
})

test('half open: found by the heartbeat, left at once, and the next socket has a heartbeat of its own', async () => {
  await connected({ heartbeatTimeout: 2000 })
  await until('a heartbeat', async () => (await lab.pings()) > 0)
  proxy.halfOpen()
  await until('a second socket', async () => (await lab.made()) === 2)
  // The dead socket cannot finish its closing handshake; nobody waits for it.
  assert.equal(await lab.run(() => window.lab.sockets[0].readyState), 2)
  await lab.untilState('connected')
  const since = await lab.pings()
  await until('three heartbeats', async () => (await lab.pings()) >= since + 3)
  assert.equal(await lab.made(), 2, 'no deadline of the first socket ends the second')
  for (const code of await lab.get('closedWith')) {
    assert.ok(code === 1000 || (code >= 4000 && code <= 4099), `closed with ${code}`)
  }
})

test('a pong deadline shorter than the interval leaves a healthy, silent connection alone', async () => {
  await connected({ heartbeatInterval: 2500, heartbeatTimeout: 2000 })
  await until('three heartbeats', async () => (await lab.pings()) >= 3)
  assert.equal(await lab.made(), 1)
})

test('a stream of messages does not keep the heartbeat from being sent', async () => {
  await connected()
  const since = await lab.pings()
  while ((await lab.pings()) < since + 3) proxy.inject({ type: 'error', error: 'noise', code: 'noise' })
  assert.equal(await lab.made(), 1)
})

test('hidden: no heartbeat, the connection stays; shown: a probe, on the same socket', async () => {
  await connected()
  await until('a heartbeat', async () => (await lab.pings()) > 0)
  await setVisibility(lab, 'hidden')
  const sent = () => lab.run(() => window.lab.frames.filter((f) => f.type === 'pong').length)
  await isLive() // an answer under way has come by now
  const quiet = await sent()
  await lab.run((ms) => new Promise((resolve) => setTimeout(resolve, ms)), 600) // measures: no ping in two intervals
  assert.equal(await sent(), quiet)
  await setVisibility(lab, 'visible')
  await until('the probe', async () => (await sent()) > quiet)
  assert.equal(await lab.made(), 1)
})

test('lost while hidden, with a long wait ahead: shown again it reconnects at once', async () => {
  await connected({ initialReconnectDelay: 60_000, maxReconnectDelay: 60_000, jitter: 'guide' })
  await setVisibility(lab, 'hidden')
  proxy.drop()
  await lab.untilState('reconnecting')
  await setVisibility(lab, 'visible')
  await lab.untilState('connected', 30_000) // half of the wait
})

test('disconnect() stays: no signal of the page brings the connection back', async () => {
  await connected()
  await lab.run(() => {
    window.lab.ws.disconnect()
    for (const type of ['online', 'focus', 'pageshow']) window.dispatchEvent(new Event(type))
    for (const type of ['resume', 'visibilitychange']) document.dispatchEvent(new Event(type))
  })
  await lab.untilState('disconnected')
  assert.equal(await lab.made(), 1)
  await lab.run(() => window.lab.ws.connect())
  await lab.untilState('connected')
})

test('a loss is shown as reconnecting, never as an error first', async () => {
  await connected()
  const n = (await lab.get('states')).length
  proxy.cut()
  await lab.untilState('reconnecting')
  proxy.mend()
  await lab.untilState('connected')
  assert.deepEqual(await statesAfter(n), ['reconnecting', 'connected'])
})

test('the countdown ticks in a leaf: the component is not rendered for it', async () => {
  await connected({ initialReconnectDelay: 9_000, maxReconnectDelay: 9_000, jitter: 'guide' })
  proxy.drop()
  await lab.untilState('reconnecting')
  const shown = () => lab.run(() => /in (\d+) s/.exec(document.querySelector('main').innerText)?.[1])
  await until('a countdown', async () => (await shown()) !== undefined)
  const [first, renders] = [Number(await shown()), await lab.get('renders')]
  await until('a tick', async () => Number(await shown()) < first)
  assert.equal(await lab.get('renders'), renders)
})

test('a token in the address is encoded', async () => {
  proxy.closeWith(4403)
  await lab.start({ token: 'a+b&c=d#e', tokenIn: 'url' })
  await lab.untilState('error')
  const asked = new URL(proxy.upgrades[0].url, 'http://h')
  assert.equal(asked.searchParams.get('token'), 'a+b&c=d#e')
})

test('4401: one new token is asked for, and it is the one that is sent', async () => {
  await lab.run((t) => (window.lab.tokens = ['stale', t]), token)
  await lab.start({ asks: true, tokenIn: 'url' })
  await until('another token', async () => (await lab.get('reasons')).length === 2)
  await lab.untilState('connected')
  assert.deepEqual(await lab.get('reasons'), ['connect', 'unauthorized'])
  const sent = proxy.upgrades.map((r) => new URL(r.url, 'http://h').searchParams.get('token'))
  assert.deepEqual(sent, ['stale', token])
})

test('4401 twice: it stops with the words for it, and a new token starts it again', async () => {
  proxy.closeWith(4401, 'unauthorized')
  await lab.run(() => (window.lab.tokens = ['stale']))
  await lab.start({ asks: true })
  await lab.untilState('error')
  assert.equal(proxy.upgrades.length, 2)
  assert.equal(await lab.run(() => window.lab.ws.lastError.kind), 'auth')
  proxy.mend()
  await lab.run((t) => {
    window.lab.tokens = [t]
    window.lab.ws.reconnect()
  }, token)
  await lab.untilState('connected')
})

test('4403 stops without another attempt', async () => {
  proxy.closeWith(4403, 'forbidden')
  await lab.start({ token })
  await lab.untilState('error')
  assert.equal(proxy.upgrades.length, 1)
})

test('4429: the delay that the server advises wins over the backoff', async () => {
  proxy.closeWith(4429, 'rate_limited retry_after_ms=3000')
  await lab.start({ token })
  await lab.untilState('reconnecting')
  assert.equal(await lab.run(() => window.lab.ws.reconnectDelay), 3000)
  proxy.mend()
  await lab.untilState('connected')
  assert.equal(proxy.upgrades.length, 2)
})

for (const status of [401, 403, 429, 503]) {
  test(`an upgrade answered with ${status} is a failed attempt, and is tried again`, async () => {
    proxy.answer(status, 'Retry-After: 1\r\n')
    await lab.start({ token })
    await until('a second attempt', () => proxy.upgrades.length >= 2)
    assert.equal(await lab.state(), 'reconnecting')
    assert.equal(await lab.run(() => window.lab.ws.lastError.code), 1006)
    proxy.mend()
    await lab.untilState('connected')
  })
}

test('a token that runs out is renewed in band, on the same socket', async () => {
  const short = newToken('--ttl', '8s')
  await lab.run((tokens) => (window.lab.tokens = tokens), [short, token])
  await lab.start({ asks: true })
  await lab.untilState('connected')
  await until('the renewal', async () => (await lab.get('reasons')).includes('expiring'))
  const { exp } = JSON.parse(Buffer.from(short.split('.')[1], 'base64url'))
  await until('the end of the first token', () => Date.now() > exp * 1000 + 300)
  await isLive()
  assert.equal(await lab.made(), 1)
})

test('a thousand messages are all handed on, in order, for at most five renders', async () => {
  await connected({ heartbeatInterval: 30_000 })
  const renders = await lab.get('renders')
  for (let i = 0; i < 1000; i++) {
    proxy.inject({ type: 'event_update', data: { id: `evt_${i}`, status: 'delivered' } })
  }
  await lab.untilFrame('evt_999')
  const ids = (await lab.get('frames')).map((f) => f.id).filter((id) => String(id).startsWith('evt_'))
  assert.deepEqual(
    ids,
    Array.from({ length: 1000 }, (_, i) => `evt_${i}`),
  )
  assert.ok((await lab.get('renders')) - renders <= 5)
})

test('a crowd is spread: the waits of one client differ, within the formula', async () => {
  proxy.answer(503)
  await lab.start({ token, jitter: 'guide', initialReconnectDelay: 10, maxReconnectDelay: 20 })
  await until('three waits', async () => (await lab.get('delays')).filter((d) => d > 0).length >= 3)
  const waits = (await lab.get('delays')).filter((d) => d > 0)
  for (const wait of waits) assert.ok(wait >= 10 && wait <= 1020, `${wait} ms`)
  assert.ok(new Set(waits).size > 1)
})

test('attempts exhausted: disconnected, and by hand it starts anew', async () => {
  await connected({ maxReconnectAttempts: 2 })
  proxy.cut()
  await lab.untilState('disconnected')
  assert.equal(await lab.run(() => window.lab.ws.lastError.kind), 'exhausted')
  proxy.mend()
  await lab.run(() => window.lab.ws.reconnect())
  await lab.untilState('connected')
})

test('a connect that nobody answers is given up and tried again', async () => {
  proxy.blackHole()
  await lab.start({ token, connectTimeout: 300 })
  await until('a second attempt', () => proxy.upgrades.length >= 2)
  proxy.mend()
  await lab.untilState('connected')
})

test('renders cost nothing: no listener more, the same socket', async () => {
  await connected()
  const listeners = await lab.get('listeners')
  for (let i = 0; i < 20; i++) await lab.start({ token, word: `render ${i}` })
  assert.equal(await lab.get('listeners'), listeners)
  assert.equal(await lab.made(), 1)
  await isLive()
})

test('dropped in mid frame: what was torn comes again, once', async () => {
  await connected()
  await isLive()
  proxy.dropInMidFrame()
  const { id } = await server.send('order.torn')
  await lab.untilFrame(id)
  assert.equal((await lab.get('frames')).filter((f) => f.id === id).length, 1)
  assert.equal(await lab.run(() => window.lab.ws.resumed), true)
  assert.equal(await lab.made(), 2)
})

test('a slow network: connected, live, and not taken for dead', async () => {
  proxy.delay(60)
  await connected()
  await isLive()
  const since = await lab.pings()
  await until('three heartbeats', async () => (await lab.pings()) >= since + 3)
  assert.equal(await lab.made(), 1)
})

test('offline and online: an open socket is probed and kept; a lost one waits for online, then dials at once', async () => {
  await connected({ initialReconnectDelay: 60_000, maxReconnectDelay: 60_000, jitter: 'guide' })
  await context.setOffline(true)
  await context.setOffline(false)
  await isLive()
  assert.equal(await lab.made(), 1)
  await context.setOffline(true)
  proxy.drop()
  await lab.untilState('reconnecting')
  await context.setOffline(false)
  await lab.untilState('connected', 30_000) // half of the wait
})

test('frozen and thawed: what happened meanwhile is there, once', async () => {
  await connected({ heartbeatInterval: 30_000 })
  const devtools = await context.newCDPSession(lab.page)
  await devtools.send('Page.setWebLifecycleState', { state: 'frozen' })
  const { id } = await server.send('order.frozen')
  await devtools.send('Page.setWebLifecycleState', { state: 'active' })
  await lab.run(() => document.dispatchEvent(new Event('resume'))) // headless Chromium leaves it out
  await lab.untilFrame(id)
  assert.equal((await lab.get('frames')).filter((f) => f.id === id).length, 1)
})

test('the server killed and started again: resumed, with what happened in between', async () => {
  await connected()
  await isLive()
  await server.kill()
  await lab.untilState('reconnecting')
  await server.start()
  const { id } = await server.send('order.between')
  await lab.untilState('connected')
  await lab.untilFrame(id)
  assert.equal(await lab.run(() => window.lab.ws.resumed), true)
})

test('away and back: out of the back/forward cache the page is live again', async () => {
  const cached = await launch({ ignoreDefaultArgs: ['--disable-back-forward-cache'] })
  try {
    const other = await openLab(await cached.newContext(), proxy.url)
    await other.start({ token })
    await other.untilState('connected')
    await other.run(() => {
      window.mark = 'the same page'
      window.addEventListener('pageshow', (event) => (window.restored = event.persisted))
    })
    await other.page.goto(`${proxy.url}/elsewhere`)
    await other.page.evaluate(() => history.back())
    await other.page.waitForFunction(() => window.restored === true && window.mark === 'the same page')
    await other.untilState('connected')
    const { id } = await server.send('order.back')
    await other.untilFrame(id)
    assert.deepEqual(other.errors, [])
  } finally {
    await cached.close()
  }
})
