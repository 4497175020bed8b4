// The manual test of the WebSocket integration guide, with the tool that it names.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { startServer } from './server.mjs'

test('wscat: the first message after a ping is the pong', async () => {
  const server = await startServer()
  try {
    const binary = path.resolve(import.meta.dirname, '../../bin/apier')
    const token = execFileSync(binary, ['token', '--data', server.data], { encoding: 'utf8' }).trim()
    const wscat = spawn(
      process.execPath,
      [
        path.resolve(import.meta.dirname, '../node_modules/wscat/bin/wscat'),
        '-c',
        `ws://localhost:${server.port}/ws?token=${token}`,
        '-x',
        '{"type": "ping", "timestamp": "2025-11-14T17:30:00Z"}',
        '-w',
        '20',
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    )
    let heard = ''
    for await (const chunk of wscat.stdout) {
      heard += String(chunk)
      if (heard.includes('}')) break
    }
    wscat.kill()
    const message = JSON.parse(heard.slice(heard.indexOf('{'), heard.indexOf('}') + 1))
    assert.equal(message.type, 'pong')
    assert.ok(!Number.isNaN(Date.parse(message.timestamp)))
  } finally {
    await server.close()
  }
})
