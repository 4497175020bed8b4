import { describe, expect, it, test, vi } from 'vitest'
import { parseMessage } from './protocol'
import { changeOf, eventOf, merge } from './query/change'
import { matches, NO_FILTERS } from './query/filters'
import { restApi } from './query/rest'
import type { ApiEvent } from './query/types'
import { eventBody, parseKeepingTexts, payloadText } from './texts'

/** What JSON.parse and JSON.stringify do not keep. */
const ODD =
  '{"id":18446744073709551615,"order_id":9007199254740993,"amount":12345678901234567.89,"z":1.0,"e":1E2,' +
  '"x":1e400,"dup":1,"dup":2,"b":{"10":1,"2":2}, "s" : "\\ud800 \\"] } \\\\" }'

const fields = `"id":"evt_1","type":"a.b","source":"s","status":"pending"`
const frame = `{"type":"event_created","seq":1,"data":{${fields},"payload":${ODD}}}`

describe('the text of a payload', () => {
  test.each([
    ['alone', `{${fields},"payload":${ODD}}`],
    ['in a page', `{"events":[{"payload":{}},{"payload" : ${ODD} }]}`],
    ['in a frame', frame],
    ['in a batch', `{"type":"batch","data":[{"x":"\\""},${frame}]}`],
    ['in a snapshot', `{"type":"snapshot","data":{"state":{"payload":${ODD}}}}`],
    ['in a lease', `[{${fields},"payload":${ODD},"lease":{"id":"l"}}]`],
  ])('is kept %s', (_name, json) => {
    const kept: unknown[] = []
    JSON.stringify(parseKeepingTexts(json), (name, value: unknown) => {
      if (name === 'payload_text') kept.push(value)
      return value
    })
    expect(kept).toEqual([ODD])
  })

  it('is not looked for inside of a payload', () => {
    const value = parseKeepingTexts('{"payload":{"payload":{"a":1.0}}}') as { payload: object }
    expect(value).toEqual({ payload: { payload: { a: 1 } }, payload_text: '{"payload":{"a":1.0}}' })
  })

  it('is not kept beside a value that JSON.stringify writes the same', () => {
    const value = parseKeepingTexts('{"payload":{"a":[1,"ü",null]}}') as { payload: object }
    expect(value).toEqual({ payload: { a: [1, 'ü', null] } })
    expect(payloadText(value)).toBe('{"a":[1,"ü",null]}')
  })

  it('is kept of a payload that is too deep to be written again', () => {
    const deep = `{"a":${'['.repeat(9997)}${']'.repeat(9997)}}`
    const value = parseKeepingTexts(`{"id":"evt_1","payload":${deep}}`) as { payload: object }
    expect(payloadText(value)).toBe(deep)
  })

  it('goes from a frame into the row of a list, and leaves it with the payload', () => {
    const read = parseMessage(frame)
    const change = read.ok ? changeOf(read.frame) : null
    if (!change) throw new Error('the frame is no change')
    const row = eventOf(change)
    expect(row.payload_text).toBe(ODD)
    const erased = merge(row, { kind: 'updated', id: 'evt_1', seq: 2, data: { erased: true } })
    expect(erased.payload_text).toBeUndefined()
    expect(payloadText(erased)).toBe('{}')
  })

  it('is what is sent again', () => {
    const event = { type: 'a.b', source: "it's", payload: {}, payload_text: ODD }
    expect(eventBody(event)).toBe(`{"type":"a.b","source":"it's","payload":${ODD}}`)
  })

  it('is what the REST client gives and sends', async () => {
    const sent: string[] = []
    vi.stubGlobal('fetch', (_path: string, init: RequestInit) => {
      if (init.body) sent.push(init.body as string)
      return Promise.resolve(new Response(`{${fields},"payload":${ODD}}`))
    })
    const api = restApi({})
    expect((await api.getEvent('evt_1')).payload_text).toBe(ODD)
    await api.createEvent({ type: 'a', source: 's', payload: {}, payload_text: ODD }, 'k')
    expect(sent).toEqual([`{"type":"a","source":"s","payload":${ODD}}`])
    vi.unstubAllGlobals()
  })

  it('is searched: what is live is found as after a reload', () => {
    const event = { payload: {}, payload_text: ODD } as unknown as ApiEvent
    const row = { ...event, id: 'evt_1', type: 'a', source: 's', status: 'pending' as const, created_at: '' }
    const finds = (search: string) => matches(row, { ...NO_FILTERS, search })
    expect(['18446744073709551615', '9007199254740993', '1e400', '1E2', '1.0'].map(finds)).toEqual(
      Array(5).fill(true),
    )
    expect(finds('9007199254740992')).toBe(false)
  })
})
