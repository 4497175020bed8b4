// The system's Chromium, and the words in which the tests speak of the dashboard.
import assert from 'node:assert/strict'
import { chromium } from 'playwright-core'

/** How long a test waits for what must come, ms. It is never waited out in a passing run, however busy the machine is. */
export const PATIENCE = 60_000

export async function launch({ args = [], ...options } = {}) {
  return chromium.launch({
    executablePath: process.env.APIER_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...args,
    ],
    ...options,
  })
}

/** A signed-in tab. Its console errors, requests and WebSocket frames are kept to be asserted on. */
export async function openTab(context, url, server, query = '') {
  const page = await context.newPage()
  const tab = { page, requests: [], sent: [], errors: [] }
  page.on('request', (r) => tab.requests.push(`${r.method()} ${new URL(r.url()).pathname}`))
  page.on('websocket', (ws) => ws.on('framesent', (f) => tab.sent.push(String(f.payload))))
  page.on('pageerror', (error) => tab.errors.push(String(error)))
  page.on('console', (message) => message.type() === 'error' && tab.errors.push(message.text()))
  await page.goto(`${url}/${query}#key=${server.key}`)
  return tab
}

/** What the status says of a live connection; "Disconnected" is another word. */
export const CONNECTED = /^\W*connected/i

export const status = (tab) => tab.page.getByRole('status').first()

export async function untilStatus(tab, words) {
  await tab.page.getByRole('status').filter({ hasText: words }).first().waitFor({ timeout: PATIENCE })
}

export const row = (tab, id) => tab.page.locator(`[data-testid="event-row"][data-event-id="${id}"]`)

export async function untilRow(tab, id, state = 'visible') {
  await row(tab, id).first().waitFor({ state, timeout: PATIENCE })
}

/** Waits until a card shows a number. */
export async function untilCard(tab, name, value) {
  const card = tab.page.locator(`[data-testid="card-${name}"] [data-testid="value"]`)
  await card.filter({ hasText: new RegExp(`^\\s*${value}\\s*$`) }).waitFor({ timeout: PATIENCE })
}

/** Polls of lists and metrics that a tab made since its list of requests had a length. */
export function polls(tab, since = 0) {
  return tab.requests.slice(since).filter((r) => /^GET \/api\/(events|metrics|inbox)/.test(r))
}

export async function until(what, condition, timeout = PATIENCE) {
  const end = Date.now() + timeout
  while (!(await condition())) {
    assert.ok(Date.now() < end, `${what} did not happen within ${timeout} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export async function setVisibility(tab, state) {
  await tab.page.evaluate((value) => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => value })
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => value === 'hidden' })
    document.dispatchEvent(new Event('visibilitychange'))
  }, state)
}
