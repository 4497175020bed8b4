// The dashboard by keyboard alone: what is reached, what shows that it is, and where one comes back to.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { CONNECTED, PATIENCE, launch, openTab, row, until, untilRow, untilStatus } from './browser.mjs'
import { startReceiver } from './receiver.mjs'
import { startServer } from './server.mjs'

let server, receiver, browser
let status = 503
before(async () => {
  ;[server, receiver, browser] = await Promise.all([
    startServer('--allow-private-endpoints'),
    startReceiver(() => ({ status, text: '' })),
    launch(),
  ])
})
after(async () => {
  await browser?.close()
  receiver?.close()
  await server?.close()
})

/** A live tab of its own, and what is done there by keyboard. */
async function open(path = '', options = {}) {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(PATIENCE)
  const tab = await openTab(context, server.url, server, path)
  await untilStatus(tab, CONNECTED)
  const { keyboard } = tab.page
  /** The accessible name and the role of what has the focus. */
  const focused = () =>
    tab.page.evaluate(() => {
      const e = document.activeElement
      const label = e.labels?.[0]?.textContent
      return (e.getAttribute('aria-label') ?? label ?? e.textContent).trim()
    })
  const untilFocused = (name) => until(`the focus on ${name}`, async () => (await focused()) === name)
  /** Tabs on until something of a name has the focus. */
  const tabTo = async (name) => {
    for (let i = 0; i < 60 && (await focused()) !== name; i++) await keyboard.press('Tab')
    assert.equal(await focused(), name)
  }
  return { context, tab, page: tab.page, keyboard, focused, untilFocused, tabTo }
}

test('an endpoint is made, seen to fail, mended and sent to again', async () => {
  const { context, page, keyboard, untilFocused, tabTo, focused } = await open('webhooks')
  await tabTo('New endpoint')
  await keyboard.press('Enter')
  await page.getByRole('dialog').waitFor()
  await tabTo('Create')
  await keyboard.press('Enter')
  await untilFocused('URL') // the first field at fault
  assert.equal(await page.getByLabel('URL').getAttribute('aria-invalid'), 'true')
  await keyboard.type(`${receiver.url}/nowhere`)
  await tabTo('Name')
  await keyboard.type('By hand')
  await tabTo('Types')
  await keyboard.type('hand.*')
  await tabTo('Limits, retries and order')
  await keyboard.press('Enter')
  await tabTo('Attempts')
  await keyboard.press('Control+A')
  await keyboard.type('0, 1 h')
  await tabTo('Create')
  await keyboard.press('Enter')
  await page.getByTestId('secret').waitFor()
  await tabTo('I have put it away')
  await keyboard.press('Enter')

  const panel = page.getByTestId('endpoint-panel')
  await panel.waitFor()
  await untilFocused('By hand')
  await server.send('hand.made')
  await panel.getByText('503 Service Unavailable').first().waitFor()

  await tabTo('Edit')
  await keyboard.press('Enter')
  await page.getByRole('dialog').getByLabel('URL').waitFor()
  await tabTo('URL')
  await keyboard.press('Control+A')
  await keyboard.type(`${receiver.url}/somewhere`)
  await keyboard.press('Enter') // sends the form
  await page.getByText('Endpoint saved').waitFor()
  await untilFocused('Edit') // the dialog gives the focus back
  status = 204

  const line = panel.getByTestId('delivery').getByRole('button').first()
  await tabTo((await line.textContent()).trim())
  await keyboard.press('Enter')
  await tabTo('Send now')
  await keyboard.press('Enter')
  await panel.locator('[data-testid="delivery"][data-status="delivered"]').waitFor()
  await keyboard.press('Escape')
  await panel.waitFor({ state: 'detached' })
  assert.equal(await focused(), 'By hand')
  await context.close()
})

/** What of the next stops of Tab has the focus without showing it: no outline, or under something else. */
async function unseen(page, stops, key = 'Tab') {
  const hidden = []
  for (let i = 0; i < stops; i++) {
    await page.keyboard.press(key)
    const shown = await page.evaluate(() => {
      const e = document.activeElement
      const { outlineStyle, outlineWidth } = window.getComputedStyle(e)
      const box = e.getBoundingClientRect()
      const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)
      return {
        what: e.outerHTML.slice(0, 90),
        ok:
          e === document.body ||
          (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 && e.contains(top)),
      }
    })
    if (!shown.ok) hidden.push(shown.what)
  }
  return hidden
}

test('the first Tab skips the navigation, and all that has the focus shows it', async () => {
  const { context, page, keyboard, focused } = await open('events')
  await untilRow({ page }, (await server.send('focus.seen')).id)
  await keyboard.press('Tab')
  assert.equal(await focused(), 'Skip to content')
  const skip = await page.getByText('Skip to content').boundingBox()
  assert.ok(skip.y >= 0, 'it is seen')
  await keyboard.press('Enter')
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main')

  assert.deepEqual(await unseen(page, 30), [])
  await context.close()
})

test('on a phone nothing under an open panel is reached, and closing it leads back', async () => {
  const phone = { viewport: { width: 380, height: 760 } }
  const { context, page, keyboard, untilFocused } = await open('events', phone)
  const { id } = await server.send('phone.read')
  await untilRow({ page }, id)
  await row({ page }, id).getByRole('link').focus()
  await keyboard.press('Enter')
  await page.getByTestId('event-panel').waitFor()
  await untilFocused('phone.read')
  assert.equal(await page.evaluate(() => document.activeElement.tagName), 'H2')
  assert.deepEqual(await unseen(page, 3, 'Shift+Tab'), [])
  await keyboard.press('Escape')
  await page.getByTestId('event-panel').waitFor({ state: 'detached' })
  await context.close()

  const again = await open(`events?event=${id}`, phone)
  await untilRow(again, id, 'attached')
  await again.untilFocused('phone.read')
  await again.keyboard.press('Escape')
  await until('the focus back on the row', () =>
    again.page.evaluate((opener) => document.activeElement.dataset.opens === opener, id),
  )
  await again.context.close()
})

test('a dialog keeps the focus and gives it back', async () => {
  const { context, page, keyboard, untilFocused, tabTo } = await open('events')
  for (const opener of ['Send event', 'Export', 'Shortcuts']) {
    await tabTo(opener)
    await keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    for (let i = 0; i < 20; i++) {
      await keyboard.press(i % 7 === 6 ? 'Shift+Tab' : 'Tab')
      const isInside = await page.evaluate(() => document.activeElement.closest('[role="dialog"]') !== null)
      assert.ok(isInside, `Tab leaves the dialog of ${opener}`)
    }
    await keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await untilFocused(opener)
  }
  await context.close()
})

test('a failure is told until it is dismissed, and dismissing leads back', async () => {
  const { context, page, keyboard, untilFocused, tabTo, focused } = await open('events')
  const { id } = await server.send('failure.told')
  await untilRow({ page }, id)
  await page.route('**/api/inbox/**', (route) => route.fulfill({ status: 503, body: '' }))
  await row({ page }, id).getByRole('link').focus()
  await keyboard.press('Enter')
  await page.getByTestId('event-panel').getByRole('button', { name: 'Acknowledge' }).waitFor()
  await page.clock.install()
  await tabTo('Acknowledge')
  await keyboard.press('Enter')
  const message = page.getByRole('log').getByRole('img', { name: 'Error' })
  await message.waitFor()
  await page.clock.runFor(3_600_000)
  assert.ok(await message.isVisible())
  await keyboard.press('m')
  await untilFocused('Dismiss')
  await keyboard.press('Enter')
  await message.waitFor({ state: 'detached' })
  assert.equal(await focused(), 'Acknowledge')
  await context.close()
})

test('each page tells its parts by name', async () => {
  const { context, page } = await open()
  const named = async (path, ...lines) => {
    await page.goto(`${server.url}/${path}`)
    await page.getByRole('heading', { level: 1 }).waitFor()
    for (const line of lines)
      await until(line, async () => (await page.locator('body').ariaSnapshot()).includes(line))
  }
  await named(
    '',
    'navigation "Main"',
    'heading "Dashboard" [level=1]',
    'button "Pause"',
    'button "Send event"',
    'region "Counters"',
    'heading "Pending" [level=2]',
    'figure "Events per minute"',
    'group "Range of the charts"',
  )
  await named(
    'events',
    'search "Filter events"',
    'textbox "Search"',
    'combobox "Status"',
    'table "Events"',
    'checkbox "Select all loaded events"',
    'columnheader "Created"',
  )
  await named('webhooks', 'table "Endpoints"', 'columnheader "Gave up"', 'link "By hand"')
  await context.close()
})

test('the link with the key works in a tab that is there already, and the key does not stay', async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(`${server.url}/`)
  await page.getByLabel('API key').waitFor()
  await page.evaluate((key) => (location.hash = `key=${key}`), server.key)
  await page.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor()
  assert.ok(!page.url().includes('key='))
  await context.close()
})
