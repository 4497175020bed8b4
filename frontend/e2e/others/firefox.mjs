// The system's Firefox, driven by WebDriver BiDi (https://w3c.github.io/webdriver-bidi/).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import WebSocket from 'ws'

/** Starts a Firefox with a profile of its own. */
export async function startFirefox() {
  const profile = await mkdtemp(path.join(tmpdir(), 'apier-firefox-'))
  const program = process.env.APIER_FIREFOX ?? 'firefox-esr'
  const child = spawn(
    program,
    ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port=0', 'about:blank'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const exited = new Promise((resolve) => child.once('exit', resolve).once('error', resolve))
  const socket = new WebSocket(`${await address(child)}/session`)
  await once(socket, 'open')
  const call = commands(socket)
  const errors = {}
  call.heard('log.entryAdded', ({ level, text, source }) => {
    if (level === 'error') errors[source.context]?.push(text)
  })
  await call('session.new', { capabilities: {} })
  await call('session.subscribe', { events: ['log.entryAdded'] })

  return {
    async open(url) {
      const { context } = await call('browsingContext.create', { type: 'window' })
      errors[context] = []
      await call('browsingContext.navigate', { context, url, wait: 'complete' })
      return {
        errors: errors[context],
        async evaluate(what, given) {
          const { result, exceptionDetails } = await call('script.evaluate', {
            expression: `Promise.resolve((${what})(${JSON.stringify(given)})).then((v) => JSON.stringify(v))`,
            target: { context },
            awaitPromise: true,
          })
          if (exceptionDetails) throw new Error(exceptionDetails.text)
          return result.value === undefined ? undefined : JSON.parse(result.value)
        },
      }
    },
    async close() {
      socket.terminate()
      child.kill('SIGKILL')
      await exited
      await rm(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

async function address(child) {
  let said = ''
  for await (const line of createInterface({ input: child.stderr })) {
    const [url] = /(?<=WebDriver BiDi listening on )ws:\S+/.exec(line) ?? []
    if (url) {
      child.stderr.resume()
      return url
    }
    said += `${line}\n`
  }
  throw new Error(`Firefox does not listen for WebDriver BiDi:\n${said}`)
}

/** Sends a command and gives its result; `heard` is called with events of a kind. */
function commands(socket) {
  const waiting = new Map()
  const listeners = {}
  let last = 0
  socket.on('message', (text) => {
    const message = JSON.parse(text)
    if (message.type === 'event') return listeners[message.method]?.(message.params)
    const { method, resolve, reject } = waiting.get(message.id) ?? {}
    waiting.delete(message.id)
    if (message.type === 'success') resolve?.(message.result)
    else reject?.(new Error(`${method}: ${message.error}: ${message.message}`))
  })
  socket.on('close', () =>
    waiting.forEach(({ method, reject }) => reject(new Error(`${method}: Firefox is gone`))),
  )
  const call = (method, params) =>
    new Promise((resolve, reject) => {
      waiting.set(++last, { method, resolve, reject })
      socket.send(JSON.stringify({ id: last, method, params }))
    })
  call.heard = (method, listener) => (listeners[method] = listener)
  return call
}
