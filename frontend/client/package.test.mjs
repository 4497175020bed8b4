// @vitest-environment node
// The package as others get it: built, packed, installed from the tarball, then used in Node, typed, and bundled.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { build } from 'vite'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 })

const here = import.meta.dirname
const modules = path.join(here, '../node_modules')
const project = mkdtempSync(path.join(tmpdir(), 'apier-client-'))
const installed = path.join(project, 'node_modules/@apier/client')
const run = (command, ...args) => execFileSync(command, args, { cwd: project, encoding: 'utf8' })
const typeErrors = () => {
  try {
    return run('node', path.join(modules, 'typescript/bin/tsc'), '-p', '.')
  } catch ({ stdout }) {
    return stdout
  }
}
const write = (name, text) => writeFileSync(path.join(project, name), text)

beforeAll(() => {
  execFileSync('node', [path.join(here, 'build.mjs')])
  write('package.json', '{ "name": "plain", "private": true, "type": "module" }')
  const tarball = run('npm', 'pack', here, '--silent').trim()
  run('npm', 'install', '--offline', '--no-audit', '--no-fund', '--silent', `./${tarball}`)
  for (const name of ['react', 'react-dom', 'scheduler', 'ws', '@types', '@tanstack']) {
    symlinkSync(path.join(modules, name), path.join(project, 'node_modules', name))
  }
})

afterAll(() => rmSync(project, { recursive: true, force: true }))

test('it brings no dependency, and no source', () => {
  const manifest = JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8'))
  expect(manifest.dependencies).toBeUndefined()
  expect(readdirSync(installed).sort()).toEqual(['LICENSE', 'README.md', 'dist', 'package.json'])
})

test('it works in Node with ws, and the core asks for no React', () => {
  write(
    'node.mjs',
    `import { once } from 'node:events'
import WebSocket, { WebSocketServer } from 'ws'
import { SocketClient, WebSocketState } from '@apier/client'

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'apier.v1' })
await once(server, 'listening')
server.on('connection', (socket, request) => {
  const session = { session: 's1', seq: 1, resumed: false, channels: ['events'] }
  socket.send(JSON.stringify({ type: 'session', data: session }))
  socket.on('message', (text) => socket.send(JSON.stringify({ type: 'pong', id: JSON.parse(text).id })))
  const data = { id: 'evt_1', status: 'pending', source: request.headers['sec-websocket-protocol'] }
  socket.send(JSON.stringify({ type: 'event_created', data, channel: 'events', seq: 2 }))
})

const url = 'ws://127.0.0.1:' + server.address().port + '/ws'
const created = new Promise((resolve) => {
  const options = { url, dialect: 'v1', token: 'secret', onEventCreated: resolve }
  globalThis.client = new SocketClient(options, { WebSocket })
})
client.connect()
const event = await created
const delivery = await client.sendWithAck({ type: 'ping' })
const { state } = client.store.getSnapshot()
client.disconnect()
server.close()
for (const socket of server.clients) socket.terminate()
console.log(event.id, event.source, delivery, state === WebSocketState.CONNECTED)
`,
  )
  // It ends by itself, too: after disconnect() nothing keeps Node alive.
  expect(run('node', 'node.mjs').trim()).toBe('evt_1 apier.v1,bearer.secret acked true')
})

test('the test kit works in Node', () => {
  write(
    'kit.mjs',
    `import { SocketClient } from '@apier/client'
import { FakeWorld } from '@apier/client/testing'
const world = new FakeWorld()
const client = new SocketClient({ url: 'wss://example.com/ws' }, world.env)
client.connect()
world.accept().greet()
world.drop()
console.log(client.store.getSnapshot().state, client.store.getSnapshot().reconnectDelay)
`,
  )
  expect(run('node', 'kit.mjs').trim()).toBe('reconnecting 1000')
})

test('what is shipped, with its short names, does what the vectors say', async () => {
  const core = await import(path.join(installed, 'dist/index.js'))
  vi.doMock('../src/lib/socket', () => core)
  const { runScript } = await import('../src/test/vectors')
  const folder = path.join(here, '../../protocol/vectors')
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
  const read = (name) => JSON.parse(readFileSync(path.join(folder, name), 'utf8'))
  const scripts = files.map(read).filter(({ kind }) => kind === 'script')
  expect(scripts.length).toBeGreaterThan(0)
  for (const { cases } of scripts) for (const script of cases) await runScript(script)
  vi.useRealTimers()
})

const page = `import { createRoot } from 'react-dom/client'
import { ConnectionStatus, useWebSocket } from '@apier/client/react'
import '@apier/client/style.css'

export function Live() {
  const ws = useWebSocket({ token: 't', onEventCreated: (event) => console.log(event.id) })
  return <ConnectionStatus {...ws} onReconnect={ws.reconnect} />
}

createRoot(document.body).render(<Live />)
`

test.each(['bundler', 'nodenext'])(
  'its types hold with moduleResolution %s',
  (moduleResolution) => {
    write('page.tsx', page)
    write(
      'core.ts',
      `import { SocketClient, type SendResult } from '@apier/client'
import { FakeWorld } from '@apier/client/testing'
const client = new SocketClient({ url: '/ws', outbox: { maxMessages: 10 } }, new FakeWorld().env)
const result: SendResult = client.send({ type: 'ping' })
// @ts-expect-error not a level
const level: 'superb' = client.quality.getSnapshot().level
export { level, result }
`,
    )
    write(
      'list.tsx',
      `import { LiveProvider, useLiveEvents, type Row } from '@apier/client/query'
function List() {
  const { events } = useLiveEvents({ status: 'failed' })
  return events.map((row: Row) => row.id).join()
}
export const Page = () => <LiveProvider token="t"><List /></LiveProvider>
`,
    )
    const compilerOptions = {
      target: 'ES2022',
      lib: ['ES2022', 'DOM', 'DOM.Iterable'],
      module: moduleResolution === 'nodenext' ? 'nodenext' : 'esnext',
      moduleResolution,
      jsx: 'react-jsx',
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      types: [],
    }
    write(
      'tsconfig.json',
      JSON.stringify({ compilerOptions, files: ['page.tsx', 'list.tsx', 'core.ts', 'css.d.ts'] }),
    )
    write('css.d.ts', "declare module '*.css'")
    expect(typeErrors()).toBe('')
  },
  30_000,
)

/** What a Vite project without any configuration makes of its entry. */
async function bundled(entry, external = []) {
  const result = await build({
    root: project,
    configFile: false,
    logLevel: 'error',
    define: { 'import.meta.env.VITE_WEBSOCKET_URL': '"wss://from-the-application/"' },
    build: { write: false, rolldownOptions: { input: path.join(project, entry), external } },
  })
  return result.output
}

test('a plain Vite and React project builds with it, and gives it its own environment', async () => {
  write('page.jsx', page)
  write('index.html', '<script type="module" src="/page.jsx"></script>')
  const output = await bundled('index.html')
  const code = output.filter(({ type }) => type === 'chunk').map(({ code }) => code)
  expect(code.join()).toContain('wss://from-the-application/')
  expect(output.some(({ fileName }) => fileName.endsWith('.css'))).toBe(true)
})

/** Bytes, as a server sends them, of what a bundle of these names adds to a page. */
async function size(names, from) {
  write('size.js', `import { ${names} } from '${from}'; console.log(${names})`)
  const [{ code }] = await bundled('size.js', [/^react/])
  return gzipSync(code, { level: 9 }).length
}

// The core is to be 9 kB (React part 2.7 kB). Requests that are confirmed, and payloads kept as text, took it to 9.8:
// docs/decisions/0020-typescript-client.md and 0027 say what it holds instead, and at which price.
test('the budgets are kept', async () => {
  const core = await size('SocketClient', '@apier/client')
  const all = await size('useWebSocket, ConnectionStatus', '@apier/client/react')
  console.log(`core ${core} B, React part ${all - core} B, gzip`)
  expect(core).toBeLessThanOrEqual(9800)
  expect(all - core).toBeLessThanOrEqual(2700)
})
