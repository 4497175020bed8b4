// FAULTS F4: four public generators make clients of openapi.json. What they make compiles, and a small program
// with each posts an event to a running server and finds it in the list.
import assert from 'node:assert/strict'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { startServer } from '../../frontend/e2e/server.mjs'
import { bin, here, root, run, tsc } from './tools.mjs'

const document = path.join(root, 'internal/api/openapi.json')
const generated = path.join(here, 'generated')
let server

before(async () => {
  await rm(generated, { recursive: true, force: true })
  for (const name of ['oapicodegen', 'ogen', 'js'])
    await mkdir(path.join(generated, name), { recursive: true })
  server = await startServer()
})
after(() => server?.close())

/** Runs a program that posts and lists, and holds what it says. */
async function works(command, ...args) {
  const said = await run(here, command, ...args, server.url, server.key)
  assert.equal(said.trim(), 'true 7')
}

test('oapi-codegen', async () => {
  const out = path.join(generated, 'oapicodegen/client.go')
  const options = ['-generate', 'types,client', '-package', 'oapicodegen', '-o', out]
  await run(here, 'go', 'tool', 'oapi-codegen', ...options, document)
  await works('go', 'run', './openapi/oapicodegen')
})

test('ogen', async () => {
  const options = ['-config', 'openapi/ogen.yml', '-target', path.join(generated, 'ogen'), '-package', 'ogen']
  await run(here, 'go', 'tool', 'ogen', ...options, document)
  await works('go', 'run', './openapi/ogen')
})

test('openapi-typescript and hey-api/openapi-ts', async () => {
  await run(here, bin('openapi-typescript'), document, '-o', path.join(generated, 'openapi-typescript.ts'))
  await run(here, bin('openapi-ts'), '-i', document, '-o', path.join(generated, 'hey-api'))
  await tsc(here, '-p', 'openapi')
  await writeFile(path.join(generated, 'js/package.json'), '{ "type": "commonjs" }')
  await works('node', 'generated/js/openapi/hey-api.js')
  await works('node', 'generated/js/openapi/openapi-typescript.js')
})
