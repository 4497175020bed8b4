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
  const files = ['LICENSE', 'README.md', 'THIRD_PARTY_NOTICES', 'dist', 'package.json']
  expect(readdirSync(installed).sort()).toEqual(files)
  for (const field of ['license', 'repository', 'homepage', 'bugs']) expect(manifest[field]).toBeTruthy()
})

const scripts = () =>
  readdirSync(path.join(installed, 'dist'), { recursive: true })
    .filter((name) => name.endsWith('.js'))
    .map((name) => path.join(installed, 'dist', name))

// FAULTS F2: Hermes and Jest cannot read import.meta; most bundlers put nothing in the place of its env.
test('no module asks for import.meta', () => {
  expect(scripts().length).toBeGreaterThan(50)
  for (const file of scripts()) expect(readFileSync(file, 'utf8'), file).not.toContain('import.meta')
})

// FAULTS F5: what one steps through is what was written.
test('each module has a source map, with the source in it', () => {
  // The four entries hold no code of their own, a style sheet's names have no source.
  const isOwn = (file) => !/(esm|cjs)\/\w+\.js$|\.module\.js$/.test(file)
  const modules = scripts().filter(isOwn)
  expect(modules.length).toBeGreaterThan(80)
  for (const file of modules) {
    const { sources, sourcesContent } = JSON.parse(readFileSync(`${file}.map`, 'utf8'))
    expect(sourcesContent, file).toHaveLength(sources.length)
    expect(readFileSync(file, 'utf8')).toContain(`//# sourceMappingURL=${path.basename(file)}.map`)
  }
  const { sources, sourcesContent } = JSON.parse(
    readFileSync(path.join(installed, 'dist/esm/lib/useWebSocket.js.map'), 'utf8'),
  )
  const own = sourcesContent[sources.findIndex((name) => name.endsWith('useWebSocket.ts'))]
  expect(own).toBe(readFileSync(path.join(here, '../src/lib/useWebSocket.ts'), 'utf8'))
})

// FAULTS F3: a server component may import the entries; what needs a browser says so itself.
test("hooks and components are 'use client', what a server may call is not", () => {
  const isClient = (name) =>
    readFileSync(path.join(installed, 'dist/esm', name), 'utf8').startsWith('"use client"')
  const clients = ['components/ConnectionStatus.js', 'lib/useWebSocket.js', 'lib/query/LiveProvider.js']
  for (const name of clients) expect(isClient(name), name).toBe(true)
  for (const name of ['index.js', 'react.js', 'query.js', 'lib/query/rest.js', 'lib/query/keys.js']) {
    expect(isClient(name), name).toBe(false)
  }
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

test('what is shipped does what the vectors say', async () => {
  const core = await import(path.join(installed, 'dist/esm/index.js'))
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

test.each(['bundler', 'nodenext', 'node16'])(
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
  const { events, query } = useLiveEvents({ status: 'failed' })
  // @ts-expect-error FAULTS F1: what the hooks return is typed, too, and not any
  const none: 'typed' = query.data
  return events.map((row: Row) => row.id).join()
}
export const Page = () => <LiveProvider token="t"><List /></LiveProvider>
`,
    )
    const compilerOptions = {
      target: 'ES2022',
      lib: ['ES2022', 'DOM', 'DOM.Iterable'],
      module: moduleResolution === 'bundler' ? 'esnext' : moduleResolution,
      // FAULTS F5: the import of style.css is checked too, and Vite's types are not there.
      noUncheckedSideEffectImports: true,
      moduleResolution,
      jsx: 'react-jsx',
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      types: [],
    }
    write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['page.tsx', 'list.tsx', 'core.ts'] }))
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
    build: { write: false, rolldownOptions: { input: path.join(project, entry), external } },
  })
  return result.output
}

test('a plain Vite and React project builds with it', async () => {
  write('page.jsx', page)
  write('index.html', '<script type="module" src="/page.jsx"></script>')
  const output = await bundled('index.html')
  expect(output.some(({ fileName }) => fileName.endsWith('.css'))).toBe(true)
})

/** Bytes, as a server sends them, of what a bundle of these names adds to a page. */
async function size(names, from) {
  write('size.js', `import { ${names} } from '${from}'; console.log(${names})`)
  const [{ code }] = await bundled('size.js', [/^react/])
  return gzipSync(code, { level: 9 }).length
}

// The core is to be 9 kB (React part 2.7 kB); docs/decisions/0032-package.md says what it is, and why.
test('the budgets are kept', async () => {
  const core = await size('SocketClient', '@apier/client')
  const all = await size('useWebSocket, ConnectionStatus', '@apier/client/react')
  console.log(`core ${core} B, React part ${all - core} B, gzip`)
  expect(core).toBeLessThanOrEqual(11_250)
  expect(all - core).toBeLessThanOrEqual(2700)
})
