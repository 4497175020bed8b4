// What is being read stays where it is, in every size and mode of display.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { CONNECTED, PATIENCE, launch, openTab, row, until, untilRow, untilStatus } from './browser.mjs'
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

const button = (scope, name) => scope.getByRole('button', { name, exact: true })

/** A tab of its own that is live, and its context. */
async function open(path = '', options = {}) {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(PATIENCE)
  const tab = await openTab(context, server.url, server, path)
  await untilStatus(tab, CONNECTED)
  return { tab, context }
}

test('the row of the open event stays where it is when others come in', async () => {
  const { tab, context } = await open('events')
  const { id } = await server.send('held.first')
  await untilRow(tab, id)
  await row(tab, id).click()
  await tab.page.getByTestId('event-panel').getByText('held.first').first().waitFor()
  const place = await row(tab, id).boundingBox()
  for (let i = 0; i < 30; i++) await server.send('held.more', { i })
  await tab.page.getByText('30 new').waitFor()
  assert.deepEqual(await row(tab, id).boundingBox(), place)

  // Closed, nothing jumps either; what was held back comes when it is asked for.
  await tab.page.keyboard.press('Escape')
  await tab.page.getByTestId('event-panel').waitFor({ state: 'detached' })
  assert.equal((await row(tab, id).boundingBox()).y, place.y)
  await tab.page.getByTestId('new-events').click()
  await tab.page.getByTestId('new-events').waitFor({ state: 'detached' })
  await tab.page.mouse.move(2, 2) // from the list, which holds still under it
  const { id: latest } = await server.send('held.last')
  await untilRow(tab, latest) // live again
  await context.close()
})

test('k moves on to rows that were held back', async () => {
  const { tab, context } = await open('events')
  const { id } = await server.send('held.open')
  await untilRow(tab, id)
  await row(tab, id).click()
  await tab.page.getByTestId('event-panel').waitFor()
  const { id: next } = await server.send('held.above')
  await tab.page.getByText('1 new').waitFor()
  await tab.page.keyboard.press('k')
  await tab.page.getByTestId('event-panel').getByText('held.above').first().waitFor()
  await untilRow(tab, next)
  await until(
    'the row to be marked',
    async () => (await row(tab, next).getAttribute('data-active')) === 'true',
  )
  await context.close()
})

test('an event opened by its link is in view in the list', async () => {
  const { tab, context } = await open(`events?event=${world.event.healthy.id}`)
  await row(tab, world.event.healthy.id).waitFor()
  const box = await row(tab, world.event.healthy.id).boundingBox()
  assert.ok(box.y > 0 && box.y + box.height <= 720)
  await context.close()
})

test('beside a panel nothing of the list is cut off: name and state stay', async () => {
  const { tab, context } = await open('events?search=lost', { viewport: { width: 900, height: 700 } })
  await untilRow(tab, world.event.lost.id)
  const bar = await tab.page.getByRole('search').boundingBox()
  await row(tab, world.event.lost.id).click()
  const panel = await tab.page.getByTestId('event-panel').boundingBox()
  assert.deepEqual(await tab.page.getByRole('search').boundingBox(), bar, 'the filters moved')
  const state = await row(tab, world.event.lost.id).getByText('Failed').boundingBox()
  assert.ok(state.x + state.width < panel.x, 'the state is under the panel')
  await tab.page.goto(`${server.url}/webhooks?endpoint=${world.endpoints.failing.id}`)
  await tab.page.getByTestId('endpoint-panel').waitFor()
  const name = tab.page.locator(`[data-opens="${world.endpoints.failing.id}"]`)
  assert.ok(
    (await name.boundingBox()).x + 60 < (await tab.page.getByTestId('endpoint-panel').boundingBox()).x,
  )
  const views = await tab.page.getByRole('group', { name: 'Parts of the page' }).boundingBox()
  assert.ok(views.height < 40, 'the parts of the page stand in one line')
  await context.close()
})

for (const [width, height] of [
  [380, 760],
  [320, 640],
  [640, 512], // 1280 x 1024 at 200 %
])
  test(`at ${width} pixels each page shows its title and how live it is`, async () => {
    const { tab, context } = await open('', { viewport: { width, height } })
    for (const [path, title] of [
      ['', 'Dashboard'],
      ['events', 'Events'],
      ['webhooks', 'Webhooks'],
    ]) {
      await tab.page.goto(`${server.url}/${path}`)
      await untilStatus(tab, CONNECTED)
      const head = await tab.page.getByRole('heading', { level: 1, name: title }).boundingBox()
      assert.ok(head.width > 40 && head.height > 16, `${title} is ${head.width} x ${head.height}`)
      const header = await tab.page.locator('header').boundingBox()
      assert.ok(header.height < 60, `the header of ${title} is ${header.height} high`)
    }
    await context.close()
  })

test('at 200 % a form, its buttons and the list below the filters can be used', async () => {
  const { tab, context } = await open('events', { viewport: { width: 640, height: 512 } })
  await tab.page.getByTestId('event-row').first().waitFor()
  assert.ok((await tab.page.getByTestId('event-scroll').boundingBox()).height > 200)
  await button(tab.page, 'Send event').click()
  const sheet = await tab.page.getByRole('dialog').boundingBox()
  const send = await tab.page.getByTestId('send-submit').boundingBox()
  assert.ok(
    send.y + send.height <= sheet.y + sheet.height && sheet.height <= 512,
    'the button is on the page',
  )
  await context.close()
})

/** What a screen reader would read out: what is put into regions that were there before. */
async function listen(tab) {
  await tab.page.evaluate(() => {
    window.said = []
    const live = '[aria-live]:not([aria-live="off"]), [role="status"], [role="log"]'
    const known = new window.Set(document.querySelectorAll(live))
    new window.MutationObserver((changes) => {
      for (const { target } of changes) {
        const region = (target.nodeType === 1 ? target : target.parentElement)?.closest(live)
        if (known.has(region)) window.said.push(region.textContent.trim())
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true })
  })
  return () => tab.page.evaluate(() => window.said)
}

test('that it is paused, or offline, is put into regions that were there before', async () => {
  const { tab, context } = await open()
  const said = await listen(tab)
  await button(tab.page, 'Pause').click()
  await tab.page.getByTestId('missed').waitFor()
  await button(tab.page, 'Resume').click()
  await context.setOffline(true)
  await tab.page.getByText('You are offline').waitFor()
  const words = await said()
  assert.ok(words.includes('Paused'), JSON.stringify(words))
  assert.ok(words.includes('You are offline'), JSON.stringify(words))
  await context.close()
})

test("in forced colours what is chosen, pressed or drawn is told by the system's colours", async () => {
  const { tab, context } = await open('', { forcedColors: 'active' })
  const { page } = tab
  await page.locator('canvas').nth(1).waitFor()
  /** The computed style of the first element, and what a system colour is here. */
  const styleOf = (locator, name) =>
    locator.first().evaluate((e, property) => window.getComputedStyle(e).getPropertyValue(property), name)
  const system = (name) =>
    page.evaluate((colour) => {
      const probe = document.body.appendChild(document.createElement('i'))
      probe.style.color = colour
      const value = window.getComputedStyle(probe).color
      probe.remove()
      return value
    }, name)
  const highlight = await system('Highlight')
  assert.equal(await styleOf(page.locator('[aria-current="page"]'), 'background-color'), highlight)
  assert.equal(await styleOf(page.locator('[aria-pressed="true"]'), 'background-color'), highlight)
  const send = button(page, 'Send event')
  assert.equal(await styleOf(send, 'background-color'), await system('ButtonFace'))
  assert.equal(await styleOf(send, 'color'), await system('ButtonText'))
  assert.equal(
    await styleOf(page.locator('svg line[stroke-dasharray="6 3"]'), 'stroke-dasharray'),
    '6px, 3px',
  )
  await page.goto(`${server.url}/events?event=${world.event.lost.id}`)
  await page.locator('[data-active="true"]').waitFor()
  assert.equal(await styleOf(page.locator('[data-active="true"]'), 'outline-style'), 'solid')
  await context.close()
})

test('with reduced motion nothing moves', async () => {
  const { tab, context } = await open('events?reconnect=50,60000,60000', { reducedMotion: 'reduce' })
  const { page } = tab
  await button(page, 'Send event').click()
  await page.getByRole('dialog').waitFor()
  const moving = () =>
    page.evaluate(() =>
      document
        .getAnimations()
        .filter((a) => a.effect.getComputedTiming().activeDuration > 1)
        .map((a) => a.effect.target.outerHTML.slice(0, 80)),
    )
  assert.deepEqual(await moving(), [])
  const { duration, transition } = await page.getByRole('dialog').evaluate((e) => {
    const style = window.getComputedStyle(e)
    return { duration: parseFloat(style.animationDuration), transition: style.transitionDuration }
  })
  assert.ok(duration < 0.001, `a sheet slides in for ${duration} s`)
  assert.equal(transition, '0s')
  await context.close()
})

test('the head of the list stays above the rows that scroll under it', async () => {
  for (let i = 0; i < 30; i++) await server.send('under.head', { i })
  const { tab, context } = await open('events', { viewport: { width: 1280, height: 500 } })
  const { page } = tab
  await page.getByTestId('event-row').nth(8).waitFor()
  await page.getByTestId('event-scroll').evaluate((e) => e.scrollTo(0, 500))
  await until(
    'the rows to move',
    async () => (await page.getByTestId('event-row').first().boundingBox())?.y < 100,
  )
  const head = page.getByRole('columnheader', { name: 'Type' })
  const { x, y, height } = await head.boundingBox()
  const scroller = await page.getByTestId('event-scroll').boundingBox()
  assert.ok(y >= scroller.y && y < scroller.y + 32, 'it stays at the top')
  const seen = await page.evaluate(
    ([left, top]) =>
      document.elementFromPoint(left, top).closest('[role="row"]').getAttribute('aria-rowindex'),
    [x + 4, y + height / 2],
  )
  assert.equal(seen, '1', 'a row shows through the head')
  await context.close()
})
