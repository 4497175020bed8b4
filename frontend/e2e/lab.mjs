// The page with nothing but the hook (src/test/lab.tsx), bundled from the sources, that with the clients of others, and the words to use them.
import path from 'node:path'
import react from '@vitejs/plugin-react'
import { build } from 'vite'
import { until } from './browser.mjs'

const root = path.resolve(import.meta.dirname, '..')

/** A page with a script bundled from the sources. React is its development build: StrictMode works only there. */
async function bundled(name, entry) {
  const [{ output }] = await build({
    root,
    mode: 'development',
    configFile: false,
    logLevel: 'error',
    plugins: [react()],
    define: { 'process.env.NODE_ENV': '"development"', 'import.meta.env.VITE_WEBSOCKET_URL': 'undefined' },
    build: {
      write: false,
      minify: false,
      lib: { entry: path.join(root, entry), formats: ['es'], fileName: name },
    },
  })
  const script = output.find((file) => file.type === 'chunk').code
  const body = `<!doctype html><meta charset="utf-8"><title>${name}</title><script type="module" src="/${name}.js"></script>`
  return {
    [`/${name}`]: { type: 'text/html', body },
    [`/${name}.js`]: { type: 'text/javascript', body: script },
  }
}

/** The pages for the proxy: the lab, and one to navigate to. */
export async function labPages() {
  const elsewhere = { type: 'text/html', body: '<!doctype html><title>elsewhere</title>' }
  return { ...(await bundled('lab', 'src/test/lab.tsx')), '/elsewhere': elsewhere }
}

/** The page with the clients of others (src/test/strangers/page.tsx). */
export const strangersPages = () => bundled('strangers', 'src/test/strangers/page.tsx')

/**
 * Times that make what a test waits for come within a second; the defaults take up to a minute. The two deadlines are the
 * defaults: on a busy machine a healthy connection misses shorter ones. A test of a deadline brings its own.
 */
export const QUICK = {
  url: '/ws',
  initialReconnectDelay: 20,
  maxReconnectDelay: 60,
  jitter: 'full',
  heartbeatInterval: 250,
  heartbeatTimeout: 5000,
  connectTimeout: 10_000,
  maxReconnectAttempts: 1000,
}

/** A tab on the lab. */
export async function openLab(context, url) {
  const page = await context.newPage()
  const lab = { page, errors: [] }
  page.on('pageerror', (error) => lab.errors.push(String(error)))
  page.on(
    'console',
    (m) =>
      m.type() === 'error' &&
      !/WebSocket connection to|ERR_|Failed to load/.test(m.text()) &&
      lab.errors.push(m.text()),
  )
  await page.goto(`${url}/lab`)
  await page.waitForFunction(() => window.lab)
  lab.start = (options) => page.evaluate((o) => window.lab.start(o), { ...QUICK, ...options })
  /** Runs in the page, with the lab. */
  lab.run = (what, arg) => page.evaluate(what, arg)
  lab.get = (name) => page.evaluate((n) => window.lab[n], name)
  lab.state = () => page.evaluate(() => window.lab.ws?.state)
  lab.untilState = (state, timeout) =>
    until(`the state ${state}`, async () => (await lab.state()) === state, timeout)
  lab.open = () => page.evaluate(() => window.lab.sockets.filter((s) => s.readyState <= 1).length)
  lab.made = () => page.evaluate(() => window.lab.sockets.length)
  lab.pings = async () => (await lab.get('frames')).filter((f) => f.type === 'pong').length
  lab.untilFrame = (id) =>
    until(`the frame of ${id}`, async () => (await lab.get('frames')).some((f) => f.id === id))
  return lab
}
