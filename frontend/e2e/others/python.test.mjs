// Python's `websockets`, as a program of somebody else's uses it.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startServer } from '../server.mjs'
import { tokenOf } from '../strangers.mjs'

const PROGRAM = `
import asyncio, json, sys, urllib.request, websockets

url, token, key = sys.argv[1:]

def publish():
    body = json.dumps({"type": "order.created", "source": "python", "payload": {"name": "M\\u00fcller"}}).encode()
    request = urllib.request.Request(url + "/api/events", body, {"Authorization": "Bearer " + key})
    return json.load(urllib.request.urlopen(request))

async def main():
    address = url.replace("http", "ws", 1) + "/ws"
    try:
        await websockets.connect(address + "?token=bad")
    except websockets.InvalidHandshake as refusal:
        answer = getattr(refusal, "response", refusal) # what has the status depends on the version
        print(json.dumps({"refused": answer.status_code}))
    async with websockets.connect(address + "?token=" + token) as socket:
        await (await socket.ping())
        await socket.send('{"type": "ping", "timestamp": "2025-11-14T17:30:00Z"}')
        print(await socket.recv())
        sent = await asyncio.to_thread(publish)
        print(await socket.recv())
        print(json.dumps(sent))

asyncio.run(main())
`

test('a client in Python: refused by a status, then a pong, then the event', async () => {
  const server = await startServer()
  try {
    const given = ['-c', PROGRAM, server.url, await tokenOf(server), server.key]
    const { stdout } = await promisify(execFile)(process.env.APIER_PYTHON ?? '/usr/bin/python3', given)
    const [refusal, pong, created, sent] = stdout.trim().split('\n').map(JSON.parse)
    assert.deepEqual(refusal, { refused: 401 })
    assert.equal(pong.type, 'pong')
    assert.equal(created.type, 'event_created')
    assert.equal(created.data.id, sent.id)
    assert.deepEqual(created.data.payload, { name: 'Müller' })
  } finally {
    await server.close()
  }
})
