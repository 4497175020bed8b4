// WebKitGTK's small browser, driven by WebDriver (https://www.w3.org/TR/webdriver2/) on a screen that nobody sees.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { createInterface } from 'node:readline'
import { until } from '../browser.mjs'

/**
 * Starts a WebKitGTK under `LANG=C.UTF-8`, as containers have it: there `navigator.language` is `C`, which is no
 * language.
 */
export async function startWebKit() {
  const children = []
  const run = (program, args, options) => {
    const child = spawn(program, args, options)
    child.gone = new Promise((resolve) => child.once('exit', resolve).once('error', resolve))
    children.push(child)
    return child
  }
  const end = async () => {
    for (const child of children.reverse()) {
      child.kill('SIGTERM')
      await child.gone
    }
  }
  try {
    const env = bare(await screen(run))
    const port = await freePort()
    run('WebKitWebDriver', [`--port=${port}`], { env, stdio: 'ignore' })
    const call = commands(port)
    await until('the driver listens', async () => (await call('GET', '/status').catch(() => null)) !== null)
    const { sessionId } = await call('POST', '/session', { capabilities: {} })
    return browser((method, route, body) => call(method, `/session/${sessionId}${route}`, body), end)
  } catch (error) {
    await end()
    throw error
  }
}

function browser(call, end) {
  let used = null // the first window is there from the start
  const open = async (url) => {
    const handle = used
      ? (await call('POST', '/window/new', { type: 'window' })).handle
      : await call('GET', '/window')
    used = handle
    const here = () => call('POST', '/window', { handle })
    await here()
    await call('POST', '/url', { url })
    return {
      async evaluate(what, given) {
        await here()
        const script = `return JSON.stringify((${what})(${JSON.stringify(given)}))`
        const text = await call('POST', '/execute/sync', { script, args: [] })
        return text === null ? undefined : JSON.parse(text)
      },
    }
  }
  const close = async () => {
    await call('DELETE', '').catch(() => {})
    await end()
  }
  return { open, close }
}

/** A screen of its own: the environment of those who draw on it. */
async function screen(run) {
  const server = run('Xvfb', ['-displayfd', '1', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [number] = await once(createInterface({ input: server.stdout }), 'line')
  return { DISPLAY: `:${number}` }
}

/** Without the languages of whoever runs the tests. */
function bare(more) {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(LANG|LANGUAGE|LC_.*|WAYLAND_DISPLAY)$/.test(name),
  )
  return { ...Object.fromEntries(kept), LANG: 'C.UTF-8', ...more }
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

function commands(port) {
  return async (method, route, body) => {
    const answer = await fetch(`http://127.0.0.1:${port}${route}`, {
      method,
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    const { value } = await answer.json()
    if (!answer.ok) throw new Error(`${method} ${route}: ${value?.error}: ${value?.message}`)
    return value
  }
}
