// The surface of the dashboard: what its first load weighs, that the document never scrolls behind it, that charts are drawn in
// every browser, and that it can be read in the reader's own colours.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { COLOURS, violations } from './axe.mjs'
import { CONNECTED, PATIENCE, launch, openTab, untilStatus } from './browser.mjs'
import { startReceiver } from './receiver.mjs'
import { startServer } from './server.mjs'
import { answerByPath, fill } from './world.mjs'

let server, receiver, browser, world
before(async () => {
  ;[server, receiver, browser] = await Promise.all([
    startServer('--allow-private-endpoints'),
    startReceiver(answerByPath),
    launch(),
  ])
  world = await fill(server, receiver)
})
after(async () => {
  await browser?.close()
  receiver?.close()
  await server?.close()
})

async function newTab(options = {}) {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options })
  context.setDefaultTimeout(PATIENCE)
  const tab = await openTab(context, server.url, server)
  await untilStatus(tab, CONNECTED)
  return tab
}

/** Every page and what can be open on it, with something that is there once it is complete. */
const pages = () => [
  ['', '[data-testid="throughput"] canvas'],
  ['events', '[data-testid="event-row"]'],
  [`events?event=${world.event.lost.id}`, '[data-testid="event-deliveries"] li'],
  ['webhooks', '[data-testid="endpoint-row"]'],
  [`webhooks?endpoint=${world.endpoints.failing.id}`, '[data-testid="delivery"]'],
  ['webhooks?view=receiver', '[data-testid="receiver-entry"]'],
  ['webhooks?view=signature', '#main form'],
]

async function show(tab, [path, complete]) {
  await tab.page.goto(`${server.url}/${path}`)
  await tab.page.locator(complete).first().waitFor()
}

test('the first load is at most 150 kB of JavaScript on the wire', async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  const cdp = await context.newCDPSession(page)
  await cdp.send('Network.enable')
  const scripts = new Map()
  cdp.on('Network.responseReceived', ({ requestId, type, response }) => {
    if (type === 'Script')
      scripts.set(requestId, { url: response.url, coding: response.headers['Content-Encoding'] })
  })
  let bytes = 0
  const sizes = []
  cdp.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (!scripts.has(requestId)) return
    bytes += encodedDataLength
    sizes.push(`${scripts.get(requestId).url} ${scripts.get(requestId).coding}: ${encodedDataLength}`)
  })
  await page.goto(`${server.url}/#key=${server.key}`)
  await page.locator('[data-testid="latency"] canvas').waitFor()
  await page.waitForLoadState('networkidle')
  assert.ok(sizes.length > 2 && bytes > 50_000, sizes.join('\n'))
  assert.ok(bytes <= 150_000, `${bytes} bytes:\n${sizes.join('\n')}`)
  await context.close()
})

const SIZES = [
  [360, 640],
  [447, 806],
  [640, 360],
  [768, 1024],
  [1000, 562],
  [1280, 720],
  [1400, 700],
  [1920, 1080],
  [2560, 1440],
]

/** Absolute elements that a scroller between them and what they are placed by does not clip: they make the document longer. */
const unclipped = () => {
  const scrolls = (e) => /auto|scroll/.test(window.getComputedStyle(e).overflowY)
  const isPositioned = (e) => {
    const style = window.getComputedStyle(e)
    return style.position !== 'static' || style.transform !== 'none'
  }
  return [...document.querySelectorAll('body *')]
    .filter((e) => window.getComputedStyle(e).position === 'absolute')
    .filter((e) => {
      for (let up = e.parentElement; up && !isPositioned(up); up = up.parentElement) {
        if (scrolls(up)) return true
      }
      return false
    })
    .map((e) => e.outerHTML.slice(0, 120))
}

test('the document never scrolls behind the dashboard', async (t) => {
  const tab = await newTab()
  for (const page of pages()) {
    await t.test(page[0] || 'dashboard', async () => {
      await show(tab, page)
      for (const [width, height] of SIZES) {
        await tab.page.setViewportSize({ width, height })
        const found = await tab.page.evaluate(() => {
          const { scrollHeight, clientHeight, scrollWidth, clientWidth } = document.scrollingElement
          return { scrollHeight, clientHeight, scrollWidth, clientWidth }
        })
        const whole = { scrollHeight: height, clientHeight: height, scrollWidth: width, clientWidth: width }
        assert.deepEqual(found, whole, `${width}×${height}`)
        assert.deepEqual(await tab.page.evaluate(unclipped), [], `${width}×${height}`)
      }
    })
  }
  await tab.page.context().close()
})

test('charts are drawn whatever the browser reports as its language', async (t) => {
  for (const language of ['C', '', 'en-US@posix', undefined]) {
    await t.test(String(language) || 'empty', async () => {
      const context = await browser.newContext()
      await context.addInitScript((reported) => {
        Object.defineProperty(Object.getPrototypeOf(window.navigator), 'language', { get: () => reported })
      }, language)
      const tab = await openTab(context, server.url, server)
      for (const chart of ['throughput', 'latency'])
        await tab.page.getByTestId(chart).locator('canvas').waitFor({ timeout: PATIENCE })
      assert.equal(await tab.page.getByText('has failed').count(), 0)
      assert.deepEqual(tab.errors, [])
      await context.close()
    })
  }
})

test('a chart whose file is gone offers a reload, and all else stays', async () => {
  const context = await browser.newContext()
  await context.route('**/assets/LiveChart-*.js', (route) => route.fulfill({ status: 404, body: 'gone' }))
  const tab = await openTab(context, server.url, server)
  const throughput = tab.page.getByTestId('throughput')
  await throughput.getByText('could not be loaded').waitFor({ timeout: PATIENCE })
  await throughput.getByText('per minute').waitFor()
  await tab.page.getByTestId('card-total').waitFor()
  await context.unroute('**/assets/LiveChart-*.js')
  await throughput.getByRole('button', { name: 'Reload the page' }).click()
  await throughput.locator('canvas').waitFor({ timeout: PATIENCE })
  await context.close()
})

/** How what is chosen looks, and a neighbour that is not. */
const looksOf = (page, chosen, other) =>
  page.evaluate(
    (selectors) =>
      selectors.map((selector) => {
        const { color, backgroundColor } = window.getComputedStyle(document.querySelector(selector))
        return { color, backgroundColor }
      }),
    [chosen, other],
  )

test("every page can be read in the reader's own colours", async (t) => {
  for (const colorScheme of ['light', 'dark']) {
    const tab = await newTab({ forcedColors: 'active', colorScheme, viewport: { width: 1440, height: 900 } })
    for (const page of pages()) {
      await t.test(`${page[0] || 'dashboard'}, ${colorScheme}`, async () => {
        await show(tab, page)
        if (process.env.SHOTS)
          await tab.page.screenshot({
            path: `${process.env.SHOTS}/forced-${page[0].replace(/\W+/g, '-')}-${colorScheme}.png`,
          })
        assert.deepEqual(await violations(tab.page, COLOURS), [])
        for (const [chosen, other] of [
          ['nav [aria-current="page"]', 'nav a:not([aria-current])'],
          ['#main [aria-pressed="true"]', '#main [aria-pressed="false"]'],
        ]) {
          if ((await tab.page.locator(chosen).count()) === 0) continue
          const [a, b] = await looksOf(tab.page, chosen, other)
          assert.notEqual(a.backgroundColor, b.backgroundColor, `${chosen} looks like its neighbours`)
          assert.notEqual(a.color, a.backgroundColor, chosen)
        }
      })
    }
    await tab.page.context().close()
  }
})

/** Table cells whose text is cut in the middle of a word: a word takes more lines than one, though the page has room for it. */
const cutWords = () => {
  const cut = []
  for (const cell of document.querySelectorAll('th, td')) {
    if (cell.clientWidth === 0) continue
    const walker = document.createTreeWalker(cell, window.NodeFilter.SHOW_TEXT)
    while (walker.nextNode()) {
      for (const { index, 0: word } of walker.currentNode.data.matchAll(/[\p{L}\p{N}_]+/gu)) {
        const range = document.createRange()
        range.setStart(walker.currentNode, index)
        range.setEnd(walker.currentNode, index + word.length)
        if (new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size > 1) cut.push(word)
      }
    }
  }
  return cut
}

test('the description of the API can be read at every width, and leads back', async (t) => {
  const context = await browser.newContext()
  const page = await context.newPage()
  const errors = []
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
  for (const width of [320, 360, 390, 700, 1024, 1440, 2560]) {
    await t.test(`${width} pixels`, async () => {
      await page.setViewportSize({ width, height: 900 })
      await page.goto(`${server.url}/api/docs`)
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/docs-${width}.png` })
      assert.deepEqual(await page.evaluate(cutWords), [])
      const { scrollWidth } = await page.evaluate(() => ({
        scrollWidth: document.scrollingElement.scrollWidth,
      }))
      assert.equal(scrollWidth, width, 'it scrolls sideways')
    })
  }
  const icon = await page.evaluate(async () => {
    const image = new window.Image()
    image.src = document.querySelector('link[rel="icon"]').href
    await image.decode()
    return image.width > 0
  })
  assert.ok(icon, 'the icon is refused')
  await page.getByRole('link', { name: 'Back to the dashboard' }).click()
  await page.getByLabel('API key').waitFor({ timeout: PATIENCE })
  assert.deepEqual(errors, [])
  await context.close()
})
