// The first paint: what stands on the page stays where it is while the rest comes in, and what is not known is no zero.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { CONNECTED, PATIENCE, launch, openTab, untilStatus } from './browser.mjs'
import { startReceiver } from './receiver.mjs'
import { startServer } from './server.mjs'
import { answerByPath, fill } from './world.mjs'

/** What Chromium calls good is 0.1; here nothing moves that somebody is about to press. */
const MOST = 0.02

let server, receiver, browser
before(async () => {
  ;[server, receiver, browser] = await Promise.all([
    startServer('--allow-private-endpoints'),
    startReceiver(answerByPath),
    launch(),
  ])
  await fill(server, receiver)
  for (const name of ['ninth', 'tenth'])
    await server.api('POST', '/api/endpoints', { url: `${receiver.url}/204`, description: name })
})
after(async () => {
  await browser?.close()
  receiver?.close()
  await server?.close()
})

/** Sums the shifts of the page's layout from its very start, and keeps what moved. */
const watchShifts = () => {
  window.shifts = { sum: 0, moved: [] }
  new window.PerformanceObserver((list) => {
    for (const { value, hadRecentInput, sources } of list.getEntries()) {
      if (hadRecentInput) continue
      window.shifts.sum += value
      for (const { node, previousRect: a, currentRect: b } of sources)
        window.shifts.moved.push(
          `${(node?.outerHTML ?? node?.data ?? '').slice(0, 80)}: ${a.x},${a.y} to ${b.x},${b.y}`,
        )
    }
  }).observe({ type: 'layout-shift', buffered: true })
}

const frames = (page, n) =>
  page.evaluate(async (left) => {
    for (; left > 0; left--) await new Promise((resolve) => window.requestAnimationFrame(resolve))
  }, n)

/** Holds every answer of the API back, and lets them through one by one. */
async function holdAnswers(page) {
  const held = []
  let isOpen = false
  await page.route('**/api/**', (route) => {
    if (isOpen || route.request().method() !== 'GET') return route.continue()
    held.push(route)
  })
  return {
    held,
    async release() {
      while (held.length > 0) {
        await held.pop().continue()
        await frames(page, 3)
      }
      isOpen = true
    },
  }
}

async function shot(page, name) {
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/paint-${name}.png` })
}

const PAGES = [
  ['', '[data-testid="throughput"] canvas', '[data-testid="latency"] canvas', '[data-testid="event-row"]'],
  ['events', '[data-testid="event-row"]'],
  ['webhooks', '[data-testid="endpoint-row"]'],
]

const signIn = async (size, key, words = CONNECTED) => {
  const context = await browser.newContext({ viewport: size, reducedMotion: 'reduce' })
  context.setDefaultTimeout(PATIENCE)
  const tab = await openTab(context, server.url, { key })
  await untilStatus(tab, words)
  return { context, page: tab.page }
}

test('nothing moves while a page is loaded', async (t) => {
  for (const size of [
    { width: 1440, height: 900 },
    { width: 768, height: 1024 },
    { width: 390, height: 844 },
  ]) {
    const { context } = await signIn(size, server.key)
    for (const [path, ...complete] of PAGES) {
      const name = `${path || 'dashboard'}-${size.width}`
      await t.test(name, async () => {
        const page = await context.newPage()
        await page.addInitScript(watchShifts)
        const answers = await holdAnswers(page)
        await page.goto(`${server.url}/${path}`)
        await page.locator('#main [aria-busy="true"]').first().waitFor()
        await frames(page, 10)
        await shot(page, `${name}-loading`)
        assert.ok(answers.held.length > 0, 'nothing was held back')
        await answers.release()
        for (const part of complete) await page.locator(part).first().waitFor()
        await page.locator('#main [aria-busy="true"]').first().waitFor({ state: 'detached' })
        await frames(page, 60)
        await shot(page, name)
        const { sum, moved } = await page.evaluate(() => window.shifts)
        if (process.env.SHOTS) t.diagnostic(`${name}: ${sum}`)
        assert.ok(sum <= MOST, `${sum}:\n${moved.join('\n')}`)
        await page.close()
      })
    }
    await context.close()
  }
})

test('a scope that is missing is said once, with what to do', async (t) => {
  for (const [scopes, alerts] of [
    ['events:write', 1],
    ['events:read', 0],
  ]) {
    const key = await server.makeKey('default', '--scopes', scopes)
    const { context, page } = await signIn({ width: 1440, height: 900 }, key, /./)
    await page.addInitScript(watchShifts)
    for (const [path] of PAGES) {
      await t.test(`${path || 'dashboard'}, ${scopes}`, async () => {
        const answered = page.waitForResponse((answer) =>
          /api\/(metrics|events|endpoints)/.test(answer.url()),
        )
        await page.goto(`${server.url}/${path}`)
        await answered
        await page.locator('#main [aria-busy="true"]').first().waitFor({ state: 'detached' })
        await frames(page, 10)
        await shot(page, `${path || 'dashboard'}-${scopes.replace(':', '-')}`)
        const said = await page.getByRole('alert').allInnerTexts()
        assert.equal(said.length, alerts, said.join('\n'))
        if (alerts > 0) assert.match(said[0], /events:read[^]*Sign in with a key that has it/)
        const { sum, moved } = await page.evaluate(() => window.shifts)
        assert.ok(sum <= MOST, `${sum}:\n${moved.join('\n')}`)
      })
    }
    await context.close()
  }
})

test('no row moves when an operation begins', async () => {
  const { context, page } = await signIn({ width: 1440, height: 900 }, server.key)
  let begin
  const begun = new Promise((resolve) => (begin = resolve))
  const running = { id: 'op_1', status: 'running', total: 9, done: 1, skipped: 0 }
  await page.route('**/api/operations?*', async (route) => {
    await begun
    await route.fulfill({ json: { operations: [running], has_more: false } })
  })
  await page.goto(`${server.url}/events`)
  const first = page.getByTestId('event-row').first()
  await first.waitFor()
  const place = await first.boundingBox()
  begin()
  await page.getByTestId('operation').getByText('1 of 9').waitFor()
  assert.deepEqual(await first.boundingBox(), place)
  await shot(page, 'operation')
  await context.close()
})
