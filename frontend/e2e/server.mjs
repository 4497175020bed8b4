// The real server as a child process.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

const binary = path.resolve(import.meta.dirname, '../../bin/apier')

/** Starts a server on a data directory of its own, and a port that the system gives. `kill` and `start` keep both. */
export async function startServer(...args) {
  const data = await mkdtemp(path.join(tmpdir(), 'apier-e2e-'))
  const server = { url: null, port: 0, data, child: null }

  server.start = async () => {
    server.child = spawn(binary, ['serve', '--data', data, '--listen', `127.0.0.1:${server.port}`, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    for await (const line of createInterface({ input: server.child.stdout })) {
      const [url] = /(?<=^Dashboard: )http:..localhost:\d+/.exec(line) ?? []
      if (url) {
        Object.assign(server, { url, port: Number(new URL(url).port) })
        break
      }
    }
    server.key ??= (await readFile(path.join(data, 'api-key'), 'utf8')).trim()
  }
  server.end = async (signal) => {
    const exited = once(server.child, 'exit')
    server.child.kill(signal)
    await exited
  }
  server.kill = () => server.end('SIGKILL')
  server.close = async () => {
    if (server.child.exitCode === null && server.child.signalCode === null) await server.kill()
    await rm(data, { recursive: true, force: true })
  }
  server.api = async (method, route, body) => {
    const response = await fetch(server.url + route, {
      method,
      headers: { Authorization: `Bearer ${server.key}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${method} ${route}: ${response.status}`)
    const text = await response.text()
    return text === '' ? undefined : JSON.parse(text)
  }
  /** A key of another tenant. */
  server.makeKey = async (tenant, ...more) => {
    const { stdout } = await promisify(execFile)(binary, [
      'keys',
      'create',
      '--data',
      data,
      '--tenant',
      tenant,
      '--name',
      tenant,
      ...more,
    ])
    return /apier_\S+/.exec(stdout)[0]
  }
  server.send = (type, payload = {}) => server.api('POST', '/api/events', { type, source: 'e2e', payload })

  await server.start()
  return server
}
