// The package @apier/client where it is installed: package tools, Jest, React Native's bundler, Node's versions.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { bin, frontend, here, packClient, project, run } from './tools.mjs'

const require = createRequire(import.meta.url)
const entries = ['@apier/client', '@apier/client/react', '@apier/client/query', '@apier/client/testing']
let tarball, esm, cjs

before(async () => {
  tarball = await packClient(await mkdtemp(path.join(tmpdir(), 'apier-pack-')))
  const packages = ['react', 'react-dom', 'scheduler', 'ws', '@tanstack', '@types']
  esm = await project(tarball, { packages })
  cjs = await project(tarball, { packages, tools: ['metro-runtime'], type: 'commonjs' })
})
after(async () => {
  await rm(path.dirname(tarball), { recursive: true, force: true })
  await esm.remove()
  await cjs.remove()
})

test('F1: attw finds no fault, in any resolution', async () => {
  const { problems, entrypoints } = await checkPackage(createPackageFromTarballData(await readFile(tarball)))
  assert.deepEqual(problems, [])
  for (const name of ['.', './react', './query', './testing', './style.css']) {
    const { resolutions } = entrypoints[name]
    for (const kind of ['node10', 'node16-cjs', 'node16-esm', 'bundler']) {
      assert.match(resolutions[kind].resolution.fileName, /\.d\.ts$/, `${name} by ${kind}`)
    }
  }
})

test('F1, F5: publint has nothing to say', async () => {
  const { messages, pkg } = await publint({ pack: { tarball: await readFile(tarball) }, strict: true })
  assert.deepEqual(
    messages.map((message) => formatMessage(message, pkg)),
    [],
  )
})

// A relative import without its ending is no error where declarations are skipped: all that comes of it is any.
test('F1: all relative imports of the declarations have their endings', async () => {
  const dist = path.join(esm.dir, 'node_modules/@apier/client/dist')
  let imports = 0
  for (const name of await readdir(dist, { recursive: true })) {
    if (!name.endsWith('.d.ts')) continue
    const text = await readFile(path.join(dist, name), 'utf8')
    for (const [, target] of text.matchAll(/(?:\bfrom |\bimport\(|\bimport )['"](\.[^'"]*)['"]/g)) {
      imports++
      const file = path.join(dist, path.dirname(name), target.replace(/\.js$/, '.d.ts'))
      assert.ok(target.endsWith('.js') && existsSync(file), `${name} imports ${target}`)
    }
  }
  assert.ok(imports > 100)
})

const typed = `import { SocketClient } from '@apier/client'
import { LiveProvider, useLive, useLiveEvents, useLiveMetrics, useCreateEvent, restApi } from '@apier/client/query'
import { ConnectionStatus, useWebSocket } from '@apier/client/react'
import { FakeWorld } from '@apier/client/testing'
import '@apier/client/style.css'

type IsAny<T> = 0 extends 1 & T ? true : false
type Typed<T> = IsAny<T> extends true ? never : T
const typed = <T>(value: Typed<T>) => value
const client = new SocketClient({ url: '/ws' }, new FakeWorld().env)
typed(client.store.getSnapshot().state)
typed(client.quality.getSnapshot().level)
typed(restApi({}))
export function Page() {
  const live = typed(useLive())
  typed(live.ws.client)
  typed(live.sync.getPause())
  const { events, query } = typed(useLiveEvents())
  typed(query.data)
  typed(query.fetchNextPage)
  typed(useLiveMetrics().query.data)
  typed(useCreateEvent().mutate)
  typed(useWebSocket({ url: '/ws' }).sendWithAck)
  typed(ConnectionStatus)
  typed(LiveProvider)
  return typed(events[0])?.id ?? ''
}
`

const resolutions = [
  ['node10', { module: 'commonjs', moduleResolution: 'node10', ignoreDeprecations: '6.0' }, 'cjs'],
  ['node16 as CommonJS', { module: 'node16', moduleResolution: 'node16' }, 'cjs'],
  ['node16 as a module', { module: 'node16', moduleResolution: 'node16' }, 'esm'],
  ['nodenext', { module: 'nodenext', moduleResolution: 'nodenext' }, 'esm'],
  ['bundler', { module: 'esnext', moduleResolution: 'bundler' }, 'esm'],
]

test('F1: nothing is any, in any resolution', async (t) => {
  for (const [name, kind, type] of resolutions) {
    await t.test(name, async () => {
      const at = type === 'cjs' ? cjs : esm
      const lib = ['ES2022', 'DOM', 'DOM.Iterable']
      const common = { target: 'ES2022', lib, jsx: 'react-jsx', strict: true, noEmit: true, types: [] }
      const compilerOptions = { ...common, ...kind, skipLibCheck: true, noUncheckedSideEffectImports: true }
      await at.write({
        'typed.ts': typed,
        'tsconfig.json': JSON.stringify({ compilerOptions, files: ['typed.ts'] }),
      })
      await at.tsc('-p', '.')
    })
  }
})

test('require() gets it, in Node 20', async () => {
  await cjs.write({ 'all.js': entries.map((name) => `console.log(typeof require('${name}'))`).join('\n') })
  assert.equal(await cjs.run('node', 'all.js'), 'object\n'.repeat(entries.length))
})

test('F2: Jest loads it, as it comes', async () => {
  await cjs.write({
    'live.test.js': `const { SocketClient } = require('@apier/client')
const { useWebSocket } = require('@apier/client/react')
const { LiveProvider } = require('@apier/client/query')
const { FakeWorld } = require('@apier/client/testing')

test('a client connects', () => {
  const world = new FakeWorld()
  const client = new SocketClient({ url: 'wss://example.com/ws' }, world.env)
  client.connect()
  world.accept().greet()
  expect(client.store.getSnapshot().state).toBe('connected')
  expect(typeof useWebSocket).toBe('function')
  expect(typeof LiveProvider).toBe('function')
})
`,
  })
  await cjs.run(bin('jest'), '--rootDir', cjs.dir, '--silent')
})

const hermesc = () => {
  const folder = { linux: 'linux64-bin', darwin: 'osx-bin', win32: 'win64-bin' }[process.platform]
  return path.join(
    path.dirname(require.resolve('hermes-compiler/package.json')),
    'hermesc',
    folder,
    'hermesc',
  )
}

test("F2: React Native's bundler takes it, and Hermes parses what comes of it", async () => {
  const linked = [path.join(frontend, 'node_modules'), path.join(here, 'node_modules')]
  await cjs.write({
    'app.js': entries.map((name) => `console.log(typeof require('${name}'))`).join('\n'),
    'metro.config.js': `module.exports = { watchFolders: ${JSON.stringify(linked)}, resolver: { useWatchman: false } }`,
  })
  const metro = ['build', 'app.js', '-c', 'metro.config.js', '-O', 'bundle', '--platform', 'ios']
  await cjs.run(bin('metro'), ...metro)
  await cjs.run(hermesc(), '-emit-binary', '-out', 'bundle.hbc', 'bundle.js')
  assert.ok((await readFile(path.join(cjs.dir, 'bundle.hbc'))).length > 10_000)
  assert.equal(await cjs.run('node', 'bundle.js'), 'object\n'.repeat(entries.length))
})

test('F2: Hermes parses each module as it is shipped', async () => {
  const dist = path.join(cjs.dir, 'node_modules/@apier/client/dist/cjs')
  const files = (await readdir(dist, { recursive: true })).filter((name) => name.endsWith('.js'))
  assert.ok(files.length > 40)
  for (const name of files) await run(dist, hermesc(), '-commonjs', '-dump-ast', name)
})

// What Node has: 20 no WebSocket, 22 and 24 one of their own. `--no-experimental-websocket` takes it away.
const program = `import { once } from 'node:events'
import ws, { WebSocketServer } from 'ws'
import { SocketClient } from '@apier/client'

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'apier.v1' })
await once(server, 'listening')
server.on('connection', (socket) => {
  const session = { session: 's1', seq: 1, resumed: false, channels: ['events'] }
  socket.send(JSON.stringify({ type: 'session', data: session }))
  socket.send(JSON.stringify({ type: 'event_created', data: { id: 'evt_1', status: 'pending' }, channel: 'events', seq: 2 }))
})
const url = 'ws://127.0.0.1:' + server.address().port + '/ws'
const how = process.argv[2]
const created = new Promise((resolve) => {
  const options = { url, dialect: 'v1', token: 't', onEventCreated: (event) => resolve(event.id) }
  const client = new SocketClient(options, how === 'ws' ? { WebSocket: ws } : {})
  client.connect()
  const { state, lastError } = client.store.getSnapshot()
  if (state === 'error') resolve(lastError.message)
  globalThis.client = client
})
console.log(typeof WebSocket, await created)
client.disconnect()
server.close()
for (const socket of server.clients) socket.terminate()
`

const node = (version) => path.join(here, 'node_modules', `node${version}`, 'bin/node')
const none = /^undefined .*WebSocket/

test('Node 20, 22 and 24, with a WebSocket and without', async (t) => {
  await esm.write({ 'program.mjs': program })
  const runs = [
    [process.execPath, ['program.mjs', 'ws'], /evt_1$/],
    [node(22), ['program.mjs'], /^function evt_1$/],
    [node(22), ['--no-experimental-websocket', 'program.mjs', 'ws'], /^undefined evt_1$/],
    [node(22), ['--no-experimental-websocket', 'program.mjs'], none],
    [node(24), ['program.mjs'], /^function evt_1$/],
    [node(24), ['program.mjs', 'ws'], /^function evt_1$/],
  ]
  for (const [command, args, want] of runs) {
    await t.test(`${path.basename(path.resolve(command, '../..'))} ${args.join(' ')}`, async (t) => {
      if (!existsSync(command)) return t.skip('npm has this Node for Linux on x64 only')
      assert.match((await esm.run(command, ...args)).trim(), want)
    })
  }
})
