// The page with the clients of others, and the words to use it.
import { until } from './browser.mjs'

export const CLIENTS = ['guide', 'react-use-websocket', 'partysocket', 'reconnecting-websocket']

/** A JWT, as a page gets one. */
export async function tokenOf(server) {
  const form = new URLSearchParams({ grant_type: 'client_credentials', client_secret: server.key })
  const answer = await fetch(`${server.url}/api/token`, { method: 'POST', body: form })
  return (await answer.json()).access_token
}

/** A tab with a client. With `frozen` the page's clock stands still until `pass`. */
export async function openStranger(context, url, { client, token, frozen = false }) {
  const page = await context.newPage()
  const tab = { page, errors: [], refusals: [] }
  page.on('pageerror', (error) => tab.errors.push(String(error)))
  page.on('websocket', (ws) => ws.on('socketerror', (words) => tab.refusals.push(words)))
  if (frozen) {
    await page.clock.install({ time: 0 })
    await page.clock.pauseAt(600_000)
  }
  await page.goto(`${url}/strangers`)
  await page.waitForFunction(() => window.strangers)
  const socket = `${url.replace(/^http/, 'ws')}/ws`
  await page.evaluate((options) => window.strangers.start(options), { client, url: socket, token })

  tab.get = (name) => page.evaluate((n) => window.strangers[n], name)
  tab.until = (what, condition) => until(what, () => page.evaluate(condition))
  tab.settle = () => tab.until('what is under way to end', () => window.strangers.settled())
  /** Lets the page's clock run a second at a time until a condition holds; what is on the network ends in between. */
  tab.pass = async (what, condition) => {
    await tab.settle()
    for (let second = 0; !(await condition()); second++) {
      if (second === 3600) throw new Error(`${what} did not happen within an hour of the page's clock`)
      await page.clock.runFor(1000)
      await tab.settle()
    }
  }
  /** Lets seconds pass. */
  tab.passSeconds = (seconds) => tab.pass(`${seconds} s`, () => seconds-- === 0)
  tab.heard = (type) => page.evaluate((t) => window.strangers.messages.filter((m) => m.type === t), type)
  tab.untilHeard = (type, id) =>
    until(`${type} of ${id}`, async () => (await tab.heard(type)).some((m) => m.data.id === id))
  return tab
}

/** What a page shows when it shows what the server has. */
export async function storeOf(server) {
  const { events } = await server.api('GET', '/api/events')
  return Object.fromEntries(events.map((e) => [e.id, e.status]))
}
