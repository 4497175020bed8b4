// The real server as a child process, and a proxy before it that can cut what a network can cut.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'

const binary = path.resolve(import.meta.dirname, '../../bin/apier')

/** Starts a server on a data directory of its own. `kill` and `start` keep directory and port. */
export async function startServer(...args) {
  const data = await mkdtemp(path.join(tmpdir(), 'apier-e2e-'))
  const port = await freePort()
  const server = { url: `http://localhost:${port}`, port, data, child: null }

  server.start = async () => {
    server.child = spawn(binary, ['serve', '--data', data, '--listen', `127.0.0.1:${port}`, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    for await (const line of createInterface({ input: server.child.stdout })) {
      if (line.startsWith('Dashboard: ')) break
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
  server.send = (type, payload = {}) => server.api('POST', '/api/events', { type, source: 'e2e', payload })

  await server.start()
  return server
}

/** Forwards to the server. `cut()` ends WebSockets and refuses new ones; `mend()` lets them pass again. */
export async function startProxy(server) {
  const sockets = new Set()
  let broken = false
  const headersOf = (request, host) => ({ ...request.headers, host })
  const proxy = http.createServer((request, response) => {
    const onward = http.request(
      {
        host: '127.0.0.1',
        port: server.port,
        path: request.url,
        method: request.method,
        headers: headersOf(request, request.headers.host),
      },
      (answer) => {
        response.writeHead(answer.statusCode, answer.headers)
        answer.pipe(response)
      },
    )
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  })
  proxy.on('upgrade', (request, socket, head) => {
    socket.on('error', () => {})
    if (broken) {
      socket.destroy()
      return
    }
    const onward = net.connect(server.port, '127.0.0.1', () => {
      const lines = [`${request.method} ${request.url} HTTP/1.1`]
      for (let i = 0; i < request.rawHeaders.length; i += 2)
        lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`)
      onward.write(lines.join('\r\n') + '\r\n\r\n')
      onward.write(head)
      socket.pipe(onward).pipe(socket)
    })
    sockets.add(socket).add(onward)
    const forget = () => {
      sockets.delete(socket)
      sockets.delete(onward)
      socket.destroy()
      onward.destroy()
    }
    onward.on('error', forget).on('close', forget)
    socket.on('close', forget)
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return {
    url: `http://localhost:${proxy.address().port}`,
    cut() {
      broken = true
      for (const socket of sockets) socket.destroy()
    },
    mend() {
      broken = false
    },
    close() {
      this.cut()
      proxy.close()
      proxy.closeAllConnections()
    },
  }
}

async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  probe.close()
  await once(probe, 'close')
  return port
}
