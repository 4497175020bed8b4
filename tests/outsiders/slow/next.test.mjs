// FAULTS F3: a real Next project with the App Router, which uses the package in server components and in client
// components, and the snippet of docs/react.md for a server. It is built, started and asked.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { startServer } from '../../../frontend/e2e/server.mjs'
import { here, packClient, root, run } from '../tools.mjs'

let dir, server

before(async () => {
  await run(root, 'scripts/outsiders.sh', 'next')
  dir = await mkdtemp(path.join(tmpdir(), 'apier-next-'))
  server = await startServer()
  // A copy: Next's bundler follows no link out of the project.
  await cp(path.join(here, 'next'), dir, { recursive: true, verbatimSymlinks: true })
  const tarball = await packClient(dir)
  await run(dir, 'npm', 'install', '--offline', '--no-save', '--no-audit', '--no-fund', '--silent', tarball)
  await writeFile(path.join(dir, 'app/prefetch.ts'), await snippet())
})
after(async () => {
  await server?.close()
  await rm(dir, { recursive: true, force: true })
})

/** The block of docs/react.md under "Server-side rendering", for the server of this test. */
async function snippet() {
  const page = await readFile(path.join(root, 'docs/react.md'), 'utf8')
  const [, code] = /### Server-side rendering[\s\S]*?```tsx\n([\s\S]*?)```/.exec(page)
  assert.match(code, /export async function prefetch/)
  return code.replace('http://localhost:8080', server.url)
}

test('next build takes it, and the page is rendered on the server with what was prefetched', async () => {
  const next = path.join(dir, 'node_modules/.bin/next')
  await run(dir, next, 'build')
  await server.send('next.rendered')
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', APIER_KEY: server.key }
  const app = spawn(next, ['start', '--port', '0', '--hostname', '127.0.0.1'], { cwd: dir, env })
  try {
    const html = await (await fetch(await address(app))).text()
    assert.match(html, /total 1/)
    assert.match(html, /data-state="disconnected"/)
  } finally {
    app.kill()
    await once(app, 'exit')
  }
})

/** Where Next says that it serves. */
async function address(app) {
  const said = []
  for await (const line of createInterface({ input: app.stdout })) {
    said.push(line)
    const [url] = /http:\/\/127\.0\.0\.1:[1-9]\d*/.exec(line) ?? []
    if (url) return url
  }
  throw new Error(`next start ended:\n${said.join('\n')}`)
}
