// The live list under the reader's hand: it holds still where he points, types or selects; Back, links and ranges do what
// they do everywhere.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { CONNECTED, PATIENCE, launch, openTab, row, until, untilRow, untilStatus } from './browser.mjs'
import { startServer } from './server.mjs'

let server, browser, context, tab, sent
before(async () => {
  ;[server, browser] = await Promise.all([startServer(), launch()])
  sent = []
  for (let i = 0; i < 12; i++) sent.unshift((await server.send(`order.${i % 2 ? 'odd' : 'even'}`, { i })).id)
})
after(async () => {
  await browser?.close()
  await server?.close()
})
beforeEach(async () => {
  await context?.close()
  context = await browser.newContext({ viewport: { width: 1280, height: 720 } })
  context.setDefaultTimeout(PATIENCE)
  tab = await openTab(context, server.url, server, 'events')
  await untilStatus(tab, CONNECTED)
  await untilRow(tab, sent[0])
})

const place = async (id) => (await row(tab, id).boundingBox())?.y
const pill = (n) => tab.page.getByTestId('new-events').filter({ hasText: `${n} new` })

/** Sends events, and waits until the page has them: held back, or on top. */
async function send(n) {
  for (let i = 0; i < n; i++) sent.unshift((await server.send('order.more', { i })).id)
}

test('the list holds still under the pointer, and goes on when it leaves', async () => {
  const at = await place(sent[0])
  const under = sent[0]
  await row(tab, under).hover()
  await send(3)
  await pill(3).waitFor()
  assert.equal(await place(under), at)
  assert.equal(await row(tab, sent[0]).count(), 0)
  await tab.page.mouse.move(2, 2)
  await untilRow(tab, sent[0])
  assert.equal(await place(sent[0]), at, 'what was held back came to the top')
  await send(1)
  await untilRow(tab, sent[0])
})

test('the list holds still while a row has the focus', async () => {
  const under = sent[0]
  const at = await place(under)
  await tab.page.keyboard.press('j')
  await until('the focus', () => tab.page.evaluate(() => document.activeElement.matches('[data-opens]')))
  await send(2)
  await pill(2).waitFor()
  assert.equal(await place(under), at)
  await tab.page.keyboard.press('/')
  await untilRow(tab, sent[0])
})

test('ticked rows stay where they are until they are let go', async () => {
  const [, second] = sent
  const at = await place(second)
  await row(tab, second).getByRole('checkbox').check()
  await tab.page.mouse.move(2, 2)
  await tab.page.evaluate(() => document.activeElement.blur())
  await send(30)
  await pill(30).waitFor()
  assert.equal(await place(second), at)
  assert.ok(await row(tab, second).getByRole('checkbox').isChecked())
  await tab.page.getByRole('button', { name: 'Clear selection' }).click()
  await tab.page.mouse.move(2, 2)
  await untilRow(tab, sent[0])
})

test('a click with Shift selects all rows in between', async () => {
  const boxes = tab.page.getByTestId('event-row').getByRole('checkbox')
  await boxes.nth(1).click()
  await boxes.nth(5).click({ modifiers: ['Shift'] })
  await tab.page.getByText('5 selected').waitFor()
  await boxes.nth(3).click()
  await tab.page.getByText('4 selected').waitFor()
  await boxes.nth(0).click({ modifiers: ['Shift'] })
  await tab.page.getByText('6 selected').waitFor()
})

test('rows are links: Ctrl and a click, or the middle button, open a tab', async () => {
  const [first, second] = sent
  for (const [id, options, target] of [
    [first, { modifiers: ['Control'] }, row(tab, first).getByRole('link')],
    [second, { button: 'middle' }, row(tab, second).getByRole('link')],
    [second, { modifiers: ['Control'], position: { x: 700, y: 20 } }, row(tab, second)],
  ]) {
    const opened = context.waitForEvent('page')
    await target.click(options)
    const other = await opened
    await other.getByTestId('event-panel').getByText(id).waitFor()
    await other.close()
    assert.equal(await tab.page.getByTestId('event-panel').count(), 0)
  }
})

test('Back closes an opened event and undoes filters; closing leaves nothing behind', async () => {
  const { page } = tab
  const panel = page.getByTestId('event-panel')
  const [first] = sent
  await row(tab, first).getByRole('link').click()
  await panel.getByText(first).waitFor()
  await page.keyboard.press('j') // another event in the same panel
  await until('the next event', async () => !(await page.url()).includes(first))
  await page.goBack()
  await panel.waitFor({ state: 'detached' })
  await page.goForward()
  await panel.waitFor()
  await page.keyboard.press('Escape')
  await panel.waitFor({ state: 'detached' })

  const length = () => page.evaluate(() => window.history.length)
  const before = await length()
  await row(tab, first).getByRole('link').click()
  await panel.waitFor()
  await page.keyboard.press('Escape')
  await panel.waitFor({ state: 'detached' })
  assert.equal(await length(), before, 'opening and closing leaves no entry')

  await page.getByLabel('Status').selectOption('delivered')
  await page.getByText('No event matches').waitFor()
  await page.getByLabel('Status').selectOption('pending')
  await untilRow(tab, first)
  await page.getByLabel('Type', { exact: true }).fill('order.o')
  await page.waitForURL(/type=order.o$/)
  await page.getByLabel('Type', { exact: true }).fill('order.odd')
  await page.waitForURL(/type=order.odd$/)
  await page.goBack() // all that was typed
  await page.waitForURL(/\?status=pending$/)
  assert.equal(await page.getByLabel('Type', { exact: true }).inputValue(), '')
  await page.goBack()
  await page.getByText('No event matches').waitFor()
  await page.goBack()
  await untilRow(tab, first)
  assert.equal(new URL(page.url()).search, '')
})

test('Back closes an endpoint and returns to the part of the page before', async () => {
  const endpoint = await server.api('POST', '/api/endpoints', {
    url: 'https://example.com/hook',
    types: ['never'],
  })
  const { page } = tab
  await page.getByRole('link', { name: 'Webhooks' }).click()
  const open = page.locator(`[data-endpoint-id="${endpoint.id}"]`).getByRole('link')
  const opened = context.waitForEvent('page')
  await open.click({ modifiers: ['Control'] })
  const other = await opened
  await other.getByTestId('endpoint-panel').waitFor()
  await other.close()
  await open.click()
  await page.getByTestId('endpoint-panel').waitFor()
  await page.goBack()
  await page.getByTestId('endpoint-panel').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Receiver' }).click()
  await page.waitForURL(/view=receiver/)
  await page.goBack()
  await open.waitFor()
})
