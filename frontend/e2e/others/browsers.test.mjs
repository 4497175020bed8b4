// The guide's page and the dashboard's main job in browsers of other engines: Firefox, and WebKitGTK under LANG=C.UTF-8.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { until } from '../browser.mjs'
import { strangersPages } from '../lab.mjs'
import { startProxy } from '../proxy.mjs'
import { startServer } from '../server.mjs'
import { storeOf, tokenOf } from '../strangers.mjs'
import { startFirefox } from './firefox.mjs'
import { startWebKit } from './webkit.mjs'

const text = (tab) => tab.evaluate(() => document.body.innerText)

/** Waits for what a page shows; where it does not come, the error has what stands there instead. */
const untilShown = (tab, what, condition) =>
  until(what, condition).catch(async (error) => {
    throw new Error(`${error.message}; the page says: ${(await text(tab)).slice(0, 2000)}`)
  })

const untilText = (tab, words) =>
  untilShown(tab, `the words ${words}`, async () => words.test(await text(tab)))

const click = (tab, selector, words) =>
  until(`${words} to click on`, () =>
    tab.evaluate(
      ([css, label]) => {
        const all = [...document.querySelectorAll(css)]
        const found = all.find((e) => `${e.getAttribute('aria-label') ?? ''}${e.textContent}`.includes(label))
        found?.click()
        return found !== undefined
      },
      [selector, words],
    ),
  )

/** Types into a field of the dialog, as a keyboard would. */
const type = (tab, name, value) =>
  until(`the field ${name}`, () =>
    tab.evaluate(
      ([label, typed]) => {
        const found = [...document.querySelectorAll('[role=dialog] label')].find((l) =>
          l.textContent.trim().startsWith(label),
        )
        const field = found?.control ?? found?.querySelector('input, textarea')
        field?.focus()
        field?.select()
        return field !== undefined && document.execCommand('insertText', false, typed)
      },
      [name, value],
    ),
  )

const shown = (tab, id) =>
  tab.evaluate(
    (i) => document.querySelector(`[data-testid="event-row"][data-event-id="${i}"]`)?.dataset.status,
    id,
  )

const CONNECTED = /(^|\n)\W*connected/i

for (const [name, launch, language] of [
  ['Firefox', startFirefox],
  ['WebKitGTK', startWebKit, 'C'], // which is no language: the page has to live with it
]) {
  describe(name, () => {
    let server, proxy, browser, token
    before(async () => {
      const pages = await strangersPages()
      server = await startServer()
      proxy = await startProxy(server, pages)
      token = await tokenOf(server)
      browser = await launch()
    })
    after(async () => {
      await browser?.close()
      proxy?.close()
      await server?.close()
    })

    /** The guide's page. */
    async function guide(credential) {
      const tab = await browser.open(`${proxy.url}/strangers`)
      await until('the page', () => tab.evaluate(() => window.strangers !== undefined))
      await tab.evaluate(
        ([url, t]) => window.strangers.start({ client: 'guide', url, token: t }),
        [`${proxy.url.replace(/^http/, 'ws')}/ws`, credential],
      )
      const get = (what) => tab.evaluate((n) => window.strangers[n], what)
      return { get, connected: () => until('the connection', () => get('connected')) }
    }

    test('the page of the guide: live, and again after the server was killed', async () => {
      const page = await guide(token)
      await page.connected()
      const { id } = await server.send('order.created', { order: 7 })
      await until('the event', async () => (await page.get('events'))[id] === 'pending')
      await server.api('POST', `/api/inbox/${id}/ack`)
      await until('its update', async () => (await page.get('events'))[id] === 'delivered')
      await server.kill()
      await until('the loss', async () => !(await page.get('connected')))
      await server.start()
      await server.send('order.between')
      await page.connected()
      const store = JSON.stringify(await storeOf(server))
      await until('the state of the store', async () => JSON.stringify(await page.get('events')) === store)
    })

    test('the page of the guide with a bad token: refused, not opened and closed', async () => {
      const page = await guide('bad')
      await until('a second attempt in vain', async () => {
        const dials = await page.get('dials')
        return dials.length >= 2 && dials[1].closedAt !== null
      })
      const [first, second] = await page.get('dials')
      assert.ok(!first.opened && !second.opened)
      assert.ok(second.at - first.closedAt >= 1000)
    })

    test('the dashboard: the link, the list, every page, and an event that lives in two tabs', async () => {
      const old = await server.send('order.old')
      const a = await browser.open(`${server.url}/#key=${server.key}`)
      if (language) assert.equal(await a.evaluate(() => navigator.language), language)
      await untilText(a, CONNECTED)
      for (const [label, title] of [
        ['Webhooks', 'Webhooks'],
        ['Dashboard', 'Dashboard'],
        ['Events', 'Events'],
      ]) {
        await click(a, 'nav a', label)
        await untilShown(a, `the page ${title}`, () =>
          a.evaluate((words) => document.querySelector('h1')?.textContent === words, title),
        )
        if (title === 'Dashboard')
          await untilShown(a, 'the chart', () =>
            a.evaluate(() => document.querySelector('.uplot canvas') !== null),
          )
        assert.doesNotMatch(await text(a), /has failed/)
      }
      await until('the list', async () => (await shown(a, old.id)) === 'pending')
      const b = await browser.open(`${server.url}/events`) // signed in by the first tab
      await untilText(b, CONNECTED)

      await click(a, 'button', 'Send event')
      await type(a, 'Type', 'order.created')
      await type(a, 'Source', 'browser')
      await type(a, 'Payload', '{"order": 7}')
      await click(a, '[role=dialog] button[type=submit]', 'end')
      let made
      await until('the event on the server', async () => {
        const { events } = await server.api('GET', '/api/events?type=order.created&source=browser')
        made = events[0]
        return made !== undefined
      })
      for (const tab of [a, b]) await until('its row', async () => (await shown(tab, made.id)) === 'pending')
      await server.api('POST', `/api/inbox/${made.id}/ack`)
      for (const tab of [a, b])
        await until('its update', async () => (await shown(tab, made.id)) === 'delivered')
      for (const tab of [a, b]) assert.deepEqual(tab.errors ?? [], [])
    })
  })
}
