// A proxy before the real server that does to WebSockets what networks, gateways and servers do to them.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'

/**
 * Forwards to the server, or where that has a `socket` to what listens there. Each fault stays until `mend()`; `upgrades` are the requests that came meanwhile.
 * `pages` are served by the proxy itself: `{'/lab': {type, body}}`.
 */
export async function startProxy(server, pages = {}) {
  const pairs = new Set()
  let onUpgrade = pass
  let latency = 0
  const proxy = {
    upgrades: [],
    /** Ends every WebSocket and refuses new ones. */
    cut() {
      onUpgrade = (_request, socket) => socket.destroy()
      proxy.drop()
    },
    /** Ends every WebSocket without a word; new ones pass. */
    drop() {
      for (const pair of pairs) pair.end()
    },
    /** Half open: the TCP connections stay, nothing passes either way. New WebSockets fare the same. */
    halfOpen() {
      for (const pair of pairs) pair.deaf = true
    },
    /** Every byte takes this much longer, each way; milliseconds. */
    delay(ms) {
      latency = ms
    },
    /** The next bytes from the server arrive by half, then the connection is gone. */
    dropInMidFrame() {
      for (const pair of pairs) pair.torn = true
    },
    /** New upgrades are answered with an HTTP status. */
    answer(status, headers = '') {
      onUpgrade = (_request, socket) =>
        socket.end(`HTTP/1.1 ${status} No\r\n${headers}Content-Length: 0\r\nConnection: close\r\n\r\n`)
    },
    /** New upgrades are accepted and closed at once with a code. */
    closeWith(code, reason = '') {
      onUpgrade = (request, socket) => {
        accept(request, socket)
        // The client answers with a close frame of its own; then the server ends the connection.
        socket.once('data', () => socket.end())
        socket.write(frame(0x88, Buffer.concat([uint16(code), Buffer.from(reason)])))
      }
    },
    /** New connections are taken and never answered. */
    blackHole() {
      onUpgrade = () => {}
    },
    /** Sends a text frame of our own to every client. */
    inject(message) {
      for (const pair of pairs) pair.client.write(frame(0x81, Buffer.from(JSON.stringify(message))))
    },
    mend() {
      onUpgrade = pass
      latency = 0
    },
    close() {
      proxy.cut()
      listener.close()
      listener.closeAllConnections()
    },
  }

  function pass(request, client, head) {
    const onward = net.connect(place(server), () => {
      onward.write(requestText(request))
      onward.write(head)
    })
    const pair = { client, deaf: false, torn: false, end: () => (client.destroy(), onward.destroy()) }
    pairs.add(pair)
    const forward = (from, to) =>
      from.on('data', (bytes) => {
        if (pair.deaf) return
        if (pair.torn && from === onward) return void to.write(bytes.subarray(0, bytes.length / 2), pair.end)
        if (latency > 0) setTimeout(() => to.writable && to.write(bytes), latency)
        else to.write(bytes)
      })
    forward(client, onward)
    forward(onward, client)
    const forget = () => {
      pairs.delete(pair)
      // Of a half-open connection neither side hears that the other has gone.
      if (!pair.deaf) pair.end()
    }
    onward.on('error', forget).on('close', forget)
    client.on('close', () => (pairs.delete(pair), pair.end()))
  }

  const listener = http.createServer((request, response) => {
    const page = pages[request.url.split('?')[0]]
    if (page) return void response.writeHead(200, { 'Content-Type': page.type }).end(page.body)
    forwardRequest(server, request, response)
  })
  listener.on('upgrade', (request, socket, head) => {
    socket.on('error', () => {})
    proxy.upgrades.push(request)
    onUpgrade(request, socket, head)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  proxy.url = `http://localhost:${listener.address().port}`
  return proxy
}

const place = ({ socket, port }) =>
  socket ? { path: socket, socketPath: socket } : { host: '127.0.0.1', port }

function forwardRequest(server, request, response) {
  const { url, method, headers } = request
  const onward = http.request({ ...place(server), path: url, method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers)
    answer.pipe(response)
  })
  onward.on('error', () => response.destroy())
  request.pipe(onward)
}

function requestText(request) {
  const lines = [`${request.method} ${request.url} HTTP/1.1`]
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`)
  }
  return lines.join('\r\n') + '\r\n\r\n'
}

/** The server's side of the handshake (RFC 6455, 4.2.2). */
function accept(request, socket) {
  const key = request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
  const offered = request.headers['sec-websocket-protocol']?.split(',')[0]
  const answer = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${createHash('sha1').update(key).digest('base64')}`,
    ...(offered ? [`Sec-WebSocket-Protocol: ${offered}`] : []),
  ]
  socket.write(answer.join('\r\n') + '\r\n\r\n')
}

/** An unmasked frame, as servers send them (RFC 6455, 5.2). */
function frame(first, body) {
  const length = body.length < 126 ? [body.length] : [126, ...uint16(body.length)]
  return Buffer.concat([Buffer.from([first, ...length]), body])
}

function uint16(n) {
  return Buffer.from([n >> 8, n & 0xff])
}
