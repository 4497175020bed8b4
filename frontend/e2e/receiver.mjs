// A receiver of webhooks.
import { once } from 'node:events'
import http from 'node:http'

/** Keeps what comes, and answers each request with the status and body that answer gives for it. */
export async function startReceiver(answer) {
  const got = []
  const server = http.createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += chunk))
    request.on('end', () => {
      got.push({ headers: request.headers, body })
      const { status, text } = answer(request)
      response.writeHead(status)
      response.end(text)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    got,
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => (server.close(), server.closeAllConnections()),
  }
}
