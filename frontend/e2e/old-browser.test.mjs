// Chrome 88 is promised: what is shipped runs on a Chromium of that age, and is written in words that age knew.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { parse } from 'acorn'
import { launch, openTab, until } from './browser.mjs'
import { labPages, openLab } from './lab.mjs'
import { startProxy } from './proxy.mjs'
import { startServer } from './server.mjs'

const chromium88 = path.resolve(import.meta.dirname, '../../.tools/chromium-88')
const packaged = path.resolve(import.meta.dirname, '../client/dist/esm')
let server, browser, context
before(async () => {
  execFileSync('node', ['client/build.mjs'], {
    cwd: path.resolve(import.meta.dirname, '..'),
    stdio: 'inherit',
  })
  server = await startServer()
  browser = await launch({
    executablePath: path.join(chromium88, 'chromium'),
    env: { ...process.env, LD_LIBRARY_PATH: path.join(chromium88, 'lib') },
  })
  // Without a locale: this build reports a language that Intl refuses, and the dashboard has to do with it.
  context = await browser.newContext()
})
after(async () => {
  await browser?.close()
  await server?.close()
})

test('the browser is as old as it should be', () => {
  assert.match(browser.version(), /^88\./)
})

// Playwright's locators need younger browsers, so these tests look and click in the page itself.
const text = (page) => page.evaluate(() => document.body.innerText)
const untilText = (page, words) => until(`the words ${words}`, async () => words.test(await text(page)))
const click = (page, selector, words) =>
  until(`${words} to click on`, () =>
    page.evaluate(
      ([css, label]) => {
        const all = [...document.querySelectorAll(css)]
        const found = all.find((e) => `${e.getAttribute('aria-label') ?? ''}${e.textContent}`.includes(label))
        found?.click()
        return found !== undefined
      },
      [selector, words],
    ),
  )

async function fill(page, name, value) {
  await until(`the field ${name}`, () =>
    page.evaluate((label) => {
      const found = [...document.querySelectorAll('[role=dialog] label')].find((l) =>
        l.textContent.trim().startsWith(label),
      )
      const field = found?.control ?? found?.querySelector('input, textarea')
      field?.focus()
      field?.select()
      return field !== undefined && field === document.activeElement
    }, name),
  )
  await page.keyboard.insertText(value)
}

test('the dashboard signs in, connects, sends, and shows what others send', async () => {
  const tab = await openTab(context, server.url, server, 'events')
  const { page } = tab
  await untilText(page, /(^|\n)\W*connected/i)
  await server.send('order.old')
  await untilText(page, /order\.old/)
  for (const name of ['Dashboard', 'Webhooks', 'Events']) {
    await click(page, 'nav a', name)
    await until(`the page ${name}`, () =>
      page.evaluate((title) => document.querySelector('h1')?.textContent === title, name),
    )
  }
  await click(page, 'button', 'Send event')
  await fill(page, 'Type', 'order.sent')
  await fill(page, 'Source', 'chrome88')
  await fill(page, 'Payload', '{"n": 1}')
  await click(page, '[role=dialog] button[type=submit]', 'Send')
  await untilText(page, /order\.sent/)
  assert.deepEqual(tab.errors, [])
})

test('the package connects from its own files, and the hook from a bundle', async () => {
  const pages = await labPages()
  for (const file of await filesOf(packaged, '.js')) {
    const body = await readFile(path.join(packaged, file), 'utf8')
    pages[`/package/${file}`] = { type: 'text/javascript', body }
  }
  const proxy = await startProxy(server, pages)
  try {
    const lab = await openLab(context, proxy.url)
    await lab.start({ token: server.key })
    await lab.untilState('connected')
    await lab.run(async (token) => {
      const { SocketClient } = await import('/package/index.js')
      window.ids = []
      const onEventCreated = ({ id }) => window.ids.push(id)
      window.client = new SocketClient({ url: '/ws', token, onEventCreated })
      window.client.connect()
    }, server.key)
    await until('both connections', () =>
      lab.run(() => window.client.store.getSnapshot().state === 'connected'),
    )
    const { id } = await server.send('order.packaged')
    await lab.untilFrame(id)
    await until('the frame in the package', () => lab.run((i) => window.ids.includes(i), id))
    assert.deepEqual(lab.errors, [])
  } finally {
    proxy.close()
  }
})

// Of ECMAScript 2021 Chrome 88 and Safari 14 know the syntax (`??=`, `1_000`); of the library all but what is named here.
const ECMA_VERSION = 2021

// Younger than Chrome 88 or Safari 14: that they run there with this would not be seen by a parser.
const YOUNG = [
  'lookbehind',
  'Array.at',
  'AbortSignal.timeout',
  'AbortSignal.any',
  'checkVisibility',
  'structuredClone',
  'randomUUID',
  'hasOwn',
  'findLast',
  'findLastIndex',
  'toSorted',
  'toReversed',
  'toSpliced',
  'groupBy',
  'withResolvers',
  'WeakRef',
  'FinalizationRegistry',
  'requestIdleCallback',
  'BroadcastChannel',
  'locks',
  'replaceChildren',
  'AggregateError',
]

/** Radix calls it only where it exists. */
const askedFirst = (file, word) => word === 'checkVisibility' && file.includes('Sheet')

const dashboard = path.resolve(import.meta.dirname, '../dist')

test('every shipped script is written in a language of that age', async () => {
  const scripts = [...(await shipped(dashboard, '.js')), ...(await shipped(packaged, '.js'))]
  assert.ok(scripts.length > 5)
  for (const { file, text } of scripts) {
    if (file.includes('testing')) continue // the test kit runs where tests run
    const tree = parse(text, { ecmaVersion: ECMA_VERSION, sourceType: 'module' })
    const young = [...words(tree)].filter((word) => YOUNG.includes(word) && !askedFirst(file, word))
    assert.deepEqual(young, [], file)
  }
})

test('every shipped style is, too', async () => {
  const styles = [...(await shipped(dashboard, '.css')), ...(await shipped(packaged, '.css'))]
  assert.ok(styles.length > 1)
  const young =
    /:has\(|@container|@layer|color-mix\(|\binset:|\d[dsl]v[hw]\b|(^|[{;])\s*&|:is\(|aspect-ratio:/
  for (const { file, text } of styles) {
    assert.doesNotMatch(text, young, file)
    for (const rule of text.match(/[^{}]*\{[^{}]*\}/g)) {
      // Safari knows overflow-wrap:anywhere from 15.4; the older property does the same.
      if (/overflow-wrap:anywhere/.test(rule)) assert.match(rule, /word-break:break-word/, file)
    }
  }
})

// Safari knows gap in a flex box from 14.1, and nobody can ask it whether it does. The dashboard has it in many places.
test('the promise of Safari is what flexible boxes with gaps need', async () => {
  const styles = await shipped(dashboard, '.css')
  const rules = styles.flatMap(({ text }) => text.match(/[^{}]*\{[^{}]*\}/g))
  const hasGap = rules.some((rule) => /display:(inline-)?flex/.test(rule) && /[{;]gap:/.test(rule))
  const promised = /Safari (\d+(?:\.\d+)?)/.exec(
    await readFile(path.resolve(dashboard, '../../docs/react.md'), 'utf8'),
  )
  const needed = hasGap ? 14.1 : 14
  assert.equal(Number(promised[1]), needed)
})

/** Names of globals, properties and methods in a syntax tree. */
function* words(node) {
  if (node.type === 'Identifier') yield node.name
  if (node.type === 'Literal' && node.regex && /\(\?<[=!]/.test(node.regex.pattern)) yield 'lookbehind'
  const { type, callee } = node
  // Both names are common; only what is called is meant.
  if (type === 'CallExpression' && callee.type === 'MemberExpression') {
    if (callee.property.name === 'at') yield 'Array.at'
    if (callee.object.name === 'AbortSignal') yield `AbortSignal.${callee.property.name}`
  }
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (child && typeof child.type === 'string') yield* words(child)
    }
  }
}

async function filesOf(dir, ending) {
  return (await readdir(dir, { recursive: true })).filter((file) => file.endsWith(ending))
}

async function shipped(dir, ending) {
  const files = await filesOf(dir, ending)
  return Promise.all(
    files.map(async (file) => ({ file, text: await readFile(path.join(dir, file), 'utf8') })),
  )
}
