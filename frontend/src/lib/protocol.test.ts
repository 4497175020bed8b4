import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MessageType, parseMessage, V1_TYPES } from './protocol'

// The golden files belong to both languages; vitest runs in frontend/.
const FRAMES = join(process.cwd(), '..', 'protocol', 'frames')

interface Golden {
  direction: 'client' | 'server'
  about: string
  frame: { type: string }
}
interface Invalid {
  direction: 'client' | 'server'
  about: string
  raw: string
  code: string
}

function readAll<T>(folder: string): [string, T][] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'))
  return names.map((name) => [name, JSON.parse(readFileSync(join(folder, name), 'utf8')) as T])
}

const golden = readAll<Golden>(FRAMES)
const invalid = readAll<Invalid>(join(FRAMES, 'invalid'))

describe('golden frames', () => {
  test.each(golden.filter(([, file]) => file.direction === 'server'))('%s is understood', (_, { frame }) => {
    expect(parseMessage(JSON.stringify(frame))).toEqual({ ok: true, frame })
  })

  test.each(invalid.filter(([, file]) => file.direction === 'server'))('invalid/%s is refused', (_, file) => {
    expect(parseMessage(file.raw)).toMatchObject({ ok: false, reason: file.code })
  })

  test.each([...Object.values(MessageType), ...V1_TYPES])('there is a file for %s', (type) => {
    expect(golden.map(([, file]) => file.frame.type)).toContain(type)
  })
})

test('the frames of the integration guide are understood', () => {
  const update = {
    type: 'event_update',
    data: {
      id: 'evt_123',
      status: 'delivered',
      delivery_latency_ms: 150,
      updated_at: '2025-11-14T17:30:00Z',
    },
    timestamp: '2025-11-14T17:30:00Z',
  }
  const metrics = {
    type: 'metrics_update',
    data: { total_events: 1250, pending_events: 5, delivered_events: 1200, failed_events: 45 },
  }
  for (const frame of [update, metrics]) expect(parseMessage(JSON.stringify(frame)).ok).toBe(true)
})

test('null stands for no value where there may be none', () => {
  const data = {
    id: 'evt_1',
    status: 'pending',
    delivery_latency_ms: null,
    error_message: null,
    last_delivery_attempt: null,
  }
  expect(parseMessage(JSON.stringify({ type: 'event_update', data })).ok).toBe(true)
})

test.each([
  ['a number for an id', { type: 'event_deleted', data: { id: 7 } }],
  ['text for a counter', { type: 'metrics_update', data: { total_events: '1' } }],
  [
    'a negative counter',
    {
      type: 'metrics_update',
      data: { total_events: -1, pending_events: 0, delivered_events: 0, failed_events: 0 },
    },
  ],
  ['text for a seq', { type: 'pong', seq: '4' }],
  ['a session without its id', { type: 'session', data: { seq: 1, resumed: false } }],
])('%s is refused', (_, frame) => {
  expect(parseMessage(JSON.stringify(frame))).toEqual({ ok: false, reason: 'invalid' })
})

test('an unknown type is named, also one that every object has', () => {
  expect(parseMessage('{"type":"weather"}')).toEqual({ ok: false, reason: 'unknown_type', type: 'weather' })
  expect(parseMessage('{"type":"toString"}')).toMatchObject({ reason: 'unknown_type' })
})

test('binary is refused', () => {
  expect(parseMessage(new ArrayBuffer(3))).toEqual({ ok: false, reason: 'invalid' })
})

test('nothing makes it throw', () => {
  const types = fc.constantFrom<string>(...Object.values(MessageType), ...V1_TYPES)
  fc.assert(fc.property(fc.string(), (text) => void parseMessage(text)))
  fc.assert(
    fc.property(types, fc.jsonValue(), fc.jsonValue(), (type, data, seq) => {
      parseMessage(JSON.stringify({ type, data, seq }))
    }),
  )
})
