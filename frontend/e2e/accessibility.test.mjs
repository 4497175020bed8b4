// Every page and state of the dashboard against axe-core, in both themes; the main jobs by keyboard alone; what a screen reader is told.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { COLOURS, EVERYTHING, violations } from './axe.mjs'
import { CONNECTED, PATIENCE, launch, openTab, until, untilCard, untilRow, untilStatus } from './browser.mjs'
import { startProxy } from './proxy.mjs'
import { startReceiver } from './receiver.mjs'
import { startServer } from './server.mjs'
import { answerByPath, fill } from './world.mjs'

let server, proxy, receiver, browser
before(async () => {
  ;[server, receiver, browser] = await Promise.all([
    startServer('--allow-private-endpoints'),
    startReceiver(answerByPath),
    launch(),
  ])
  proxy = await startProxy(server)
})
after(async () => {
  await browser?.close()
  proxy?.close()
  receiver?.close()
  await server?.close()
})

/** Without motion: colours are measured as they stay, not on their way from one theme to the other. */
const newContext = (options = {}) => browser.newContext({ reducedMotion: 'reduce', ...options })

/** Fails with all that axe finds on the page as it stands, in both themes. */
async function clean(tab, name) {
  for (const [colorScheme, rules] of [
    ['light', EVERYTHING],
    ['dark', COLOURS], // the themes differ in nothing else
  ]) {
    await tab.page.emulateMedia({ colorScheme })
    if (process.env.SHOTS)
      await tab.page.screenshot({
        path: `${process.env.SHOTS}/${name.replace(/\W+/g, '-')}-${colorScheme}.png`,
      })
    assert.deepEqual(await violations(tab.page, rules), [], `${name}, ${colorScheme}`)
  }
}

/** Opens a page of the tab that is signed in, and waits until it is live. */
async function open(tab, path) {
  await tab.page.goto(`${proxy.url}/${path}`)
  await untilStatus(tab, CONNECTED)
}

const button = (scope, name) => scope.getByRole('button', { name, exact: true })
const dialog = (tab) => tab.page.locator('[role="dialog"],[role="alertdialog"]')

const whileEmpty = {
  async 'sign-in'(tab) {
    await tab.page.goto(`${proxy.url}/`)
    await tab.page.getByLabel('API key').waitFor()
  },
  async 'sign-in refused'(tab) {
    await tab.page.getByLabel('API key').fill('apier_no_such_key')
    await button(tab.page, 'Sign in').click()
    await tab.page.getByRole('alert').waitFor()
  },
  async 'dashboard, empty'(tab) {
    await tab.page.getByLabel('API key').fill(server.key)
    await button(tab.page, 'Sign in').click()
    await untilCard(tab, 'total', 0)
    await tab.page.getByText('Nothing was given up').waitFor()
  },
  async 'events, empty'(tab) {
    await open(tab, 'events')
    await tab.page.getByText('No events yet').waitFor()
  },
  async 'webhooks, empty'(tab) {
    await open(tab, 'webhooks')
    await tab.page.getByText('No endpoints yet').waitFor()
  },
  async 'receiver, empty'(tab) {
    await button(tab.page, 'Receiver').click()
    await tab.page.getByText('Nothing received').waitFor()
  },
}

test('axe finds nothing before there is anything', async (t) => {
  const context = await newContext()
  context.setDefaultTimeout(PATIENCE)
  const tab = { page: await context.newPage() }
  for (const [name, go] of Object.entries(whileEmpty)) {
    await t.test(name, async () => {
      await go(tab)
      await clean(tab, name)
    })
  }
  await context.close()
})

let world

const filled = {
  async dashboard(tab) {
    await open(tab, '')
    await tab.page.getByTestId('top-errors').getByRole('link').first().waitFor()
    await tab.page.locator('canvas').nth(1).waitFor()
  },
  async 'paused, with a chart of 24 h'(tab) {
    await button(tab.page, 'Pause').click()
    await button(tab.page, '24 h').click()
    await tab.page.getByTestId('missed').waitFor()
  },
  async 'there is no such page'(tab) {
    await open(tab, 'nowhere')
    await tab.page.getByText('There is no such page').waitFor()
  },
  async events(tab) {
    await open(tab, 'events')
    await untilRow(tab, world.event.lost.id)
  },
  async 'events, some selected, with the times'(tab) {
    await tab.page.getByLabel('Select all loaded events').check()
    await button(tab.page, 'Filter by time').click()
    await tab.page.getByLabel('After').waitFor()
  },
  async 'a question before events are deleted'(tab) {
    await tab.page
      .getByRole('group', { name: 'Selected events' })
      .getByRole('button', { name: 'Delete' })
      .click()
    await button(dialog(tab), 'Cancel').waitFor()
  },
  async 'the export of events'(tab) {
    await tab.page.keyboard.press('Escape')
    await button(tab.page, 'Export').click()
    await dialog(tab).getByText('NDJSON').waitFor()
  },
  async 'events, none that match'(tab) {
    await open(tab, 'events?search=nothing-is-called-so')
    await tab.page.getByText('No event matches').waitFor()
  },
  async 'an event that waits'(tab) {
    await open(tab, `events?event=${world.event.inbox.id}`)
    await button(tab.page.getByTestId('event-panel'), 'Raw').click()
    await tab.page.locator('pre').waitFor()
  },
  async 'an event that failed, with its attempt'(tab) {
    await open(tab, `events?event=${world.event.lost.id}`)
    const panel = tab.page.getByTestId('event-panel')
    await panel.getByTestId('delivery').getByRole('button').first().click()
    await button(panel, 'Show request and answer').click()
    await panel.getByText('of the receiver').waitFor()
  },
  async 'an event that is not there'(tab) {
    await open(tab, 'events?event=evt_00000000000000000000000000')
    await tab.page
      .getByTestId('event-panel')
      .getByText(/deleted|not/i)
      .first()
      .waitFor()
  },
  async 'sending an event'(tab) {
    await open(tab, 'events')
    await button(tab.page, 'Send event').click()
    await dialog(tab).getByLabel('Payload').waitFor()
  },
  async 'sending an event with faults'(tab) {
    await dialog(tab).getByLabel('Type').fill('')
    await dialog(tab).getByLabel('Payload').fill('{"a": }')
    await dialog(tab).getByTestId('send-submit').click()
    await dialog(tab).locator('[aria-invalid="true"]').nth(1).waitFor()
  },
  async 'a toast'(tab) {
    await dialog(tab).getByLabel('Type').fill('toast.made')
    await dialog(tab).getByLabel('Payload').fill('{}')
    await dialog(tab).getByTestId('send-submit').click()
    await tab.page.getByText('toast.made sent').waitFor()
  },
  async keys(tab) {
    await tab.page.keyboard.press('?')
    await dialog(tab).getByText('Search the events').waitFor()
  },
  async webhooks(tab) {
    await open(tab, 'webhooks')
    await tab.page.getByTestId('endpoint-row').nth(7).waitFor()
  },
  ...Object.fromEntries(
    ['healthy', 'failing', 'retrying', 'gone', 'paused', 'idle'].map((name) => [
      `an endpoint: ${name}`,
      async (tab) => {
        await tab.page.getByTestId('endpoint-row').getByRole('link', { name, exact: true }).click()
        const panel = tab.page.getByTestId('endpoint-panel')
        await panel.getByRole('heading', { name, exact: true }).waitFor()
        await panel.getByText(/^(Loading…)$/).waitFor({ state: 'detached' })
        const delivery = panel.getByTestId('delivery').getByRole('button').first()
        if ((await delivery.count()) > 0) await delivery.click()
      },
    ]),
  ),
  async 'a recovery'(tab) {
    await tab.page.getByTestId('endpoint-panel').getByRole('button', { name: 'Recover' }).click()
    await dialog(tab).getByLabel('What').selectOption('replay')
    await dialog(tab)
      .getByText(/to send|Nothing to recover/)
      .waitFor()
  },
  async 'a test of an endpoint'(tab) {
    await tab.page.keyboard.press('Escape')
    await button(tab.page, 'Send a test').click()
    await button(dialog(tab), 'Send').click()
    await dialog(tab).getByText('204', { exact: true }).waitFor()
  },
  async 'a new secret'(tab) {
    await tab.page.keyboard.press('Escape')
    await button(tab.page, 'New secret').click()
    await button(dialog(tab), 'Make a new secret').click()
    await dialog(tab).getByTestId('secret').waitFor()
  },
  async 'a new endpoint with faults'(tab) {
    await tab.page.keyboard.press('Escape')
    await button(tab.page, 'New endpoint').click()
    await dialog(tab).getByText('Limits, retries and order').click()
    await button(dialog(tab), 'Which events would match?').click()
    await dialog(tab).getByText('of the latest').waitFor()
    await button(dialog(tab), 'Create').click()
    await dialog(tab).getByText('is required').waitFor()
  },
  async receiver(tab) {
    await open(tab, 'webhooks?view=receiver')
    await tab.page.locator('[data-testid="receiver-entry"][data-verified="false"]').waitFor()
    await tab.page.getByTestId('receiver-entry').getByRole('button').first().click()
  },
  async 'the signature checker'(tab) {
    await button(tab.page, 'Signature checker').click()
    await tab.page.getByLabel('Secret', { exact: true }).fill('whsec_c2VjcmV0')
    await tab.page.getByLabel('webhook-id').fill('msg_1')
    await button(tab.page, 'Check').click()
    await tab.page.getByTestId('verify-steps').waitFor()
  },
  async 'the server in trouble'(tab) {
    await tab.page.route('**/api/e**', (route) => route.fulfill({ status: 503, body: '' }))
    await open(tab, 'events')
    await tab.page.getByTestId('problem').waitFor()
  },
  async 'endpoints out of reach'(tab) {
    await open(tab, 'webhooks')
    await tab.page.getByTestId('problem').waitFor()
    await tab.page.unroute('**/api/e**')
  },
  async reconnecting(tab) {
    await open(tab, '?reconnect=50,60000,60000')
    proxy.cut()
    await untilStatus(tab, /reconnecting/i)
    await button(tab.page, 'Retry now').waitFor()
  },
  async 'disconnected and offline'(tab) {
    proxy.mend()
    await open(tab, 'events?reconnect=1,10,10')
    proxy.cut()
    await untilStatus(tab, /disconnected/i)
    await tab.page.context().setOffline(true)
    await tab.page.getByText('You are offline').waitFor()
  },
  async 'the description of the API'(tab) {
    await tab.page.context().setOffline(false)
    proxy.mend()
    await tab.page.goto(`${proxy.url}/api/docs`)
  },
}

test('axe finds nothing where there is something of everything', async (t) => {
  world = await fill(server, receiver)
  const context = await newContext({ viewport: { width: 1440, height: 900 } })
  context.setDefaultTimeout(PATIENCE)
  const tab = await openTab(context, proxy.url, server)
  await untilStatus(tab, CONNECTED)
  for (const [name, go] of Object.entries(filled)) {
    await t.test(name, async () => {
      await go(tab)
      await clean(tab, name)
    })
  }
  await context.close()
})

/** The name of what has the focus. */
const focused = (tab) =>
  tab.page.evaluate(() =>
    (document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent).trim(),
  )

async function untilFocused(tab, name) {
  await until(`the focus on ${name}`, async () => (await focused(tab)) === name)
}

test('an event is found, read and sent again by keyboard alone', async () => {
  const context = await newContext({ viewport: { width: 1280, height: 1000 } }) // the rows out of sight are not there
  const tab = await openTab(context, proxy.url, server, 'events')
  const { keyboard } = tab.page
  await untilRow(tab, world.event.lost.id)
  await keyboard.press('/')
  await keyboard.type('lost.made')
  await untilRow(tab, world.event.inbox.id, 'detached')
  await untilRow(tab, world.event.lost.id)
  await keyboard.press('Escape')
  await keyboard.press('j')
  await untilFocused(tab, 'lost.made')
  await keyboard.press('Enter')
  const panel = tab.page.getByTestId('event-panel')
  await panel.waitFor()
  await untilFocused(tab, 'lost.made') // the panel's heading
  assert.equal(await tab.page.evaluate(() => document.activeElement.tagName), 'H2')
  for (let tabs = 0; tabs < 30 && (await focused(tab)) !== 'Endpoints'; tabs++) await keyboard.press('Tab')
  await keyboard.press('Tab')
  await keyboard.press('Enter') // the delivery shows its attempts
  await panel.getByRole('button', { name: 'Send again' }).waitFor()
  for (let tabs = 0; tabs < 5 && (await focused(tab)) !== 'Send again'; tabs++) await keyboard.press('Tab')
  await untilFocused(tab, 'Send again') // behind the link to the endpoint
  await keyboard.press('Enter')
  await panel.getByText('2 attempts').waitFor()
  await keyboard.press('Escape')
  await panel.waitFor({ state: 'detached' })
  await untilFocused(tab, 'lost.made')
  assert.equal(await tab.page.evaluate(() => document.activeElement.tagName), 'A')
  await context.close()
})

test('a screen reader is told of the connection once, and not of each event', async () => {
  const context = await newContext({ viewport: { width: 1280, height: 1000 } })
  const tab = await openTab(context, proxy.url, server, 'events?reconnect=50,100,100')
  await untilStatus(tab, CONNECTED)
  await untilRow(tab, world.event.lost.id)
  await tab.page.evaluate(() => {
    window.said = []
    const live = '[aria-live]:not([aria-live="off"]), [role="status"], [role="alert"], [role="log"]'
    new window.MutationObserver((changes) => {
      for (const { target } of changes) {
        const region = (target.nodeType === 1 ? target : target.parentElement)?.closest(live)
        if (region && region.textContent !== window.said.at(-1)) window.said.push(region.textContent)
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true })
  })
  let last
  for (let i = 0; i < 5; i++) last = await server.send('stream.made', { i })
  await untilRow(tab, last.id)
  assert.deepEqual(await tab.page.evaluate(() => window.said), [])
  proxy.cut()
  await untilStatus(tab, /reconnecting/i)
  proxy.mend()
  await untilStatus(tab, CONNECTED)
  const said = await tab.page.evaluate(() => window.said.filter((text) => /connect/i.test(text)))
  assert.deepEqual(
    said.map((text) => text.replace(/\W+/g, ' ').trim()),
    ['Reconnecting', 'Connected'],
  )
  await context.close()
})

test('at 320 pixels nothing scrolls sideways', async (t) => {
  const context = await newContext({ viewport: { width: 320, height: 640 } })
  const tab = await openTab(context, proxy.url, server)
  for (const path of [
    '',
    'events',
    `events?event=${world.event.lost.id}`,
    'webhooks',
    'webhooks?view=receiver',
    'api/docs',
  ]) {
    await t.test(path || 'dashboard', async () => {
      await tab.page.goto(`${proxy.url}/${path}`)
      await tab.page.getByRole('heading', { level: 1 }).waitFor()
      await tab.page.waitForLoadState('networkidle')
      // The page's content has a scroller of its own, so the document alone would tell nothing.
      const wide = await tab.page.evaluate(() =>
        [document.scrollingElement, ...document.querySelectorAll('body *')]
          .filter((e) => e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1)
          .filter(
            (e) =>
              e === document.scrollingElement || /auto|scroll/.test(window.getComputedStyle(e).overflowX),
          )
          .map((e) => `${e.outerHTML.slice(0, 80)}: ${e.scrollWidth} of ${e.clientWidth}`),
      )
      assert.deepEqual(wide, [])
    })
  }
  await context.close()
})
