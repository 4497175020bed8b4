import { writeKeepingTexts } from '../../lib/texts'
import { expect, it, test } from 'vitest'
import { draftOfEndpoint, faultsOfDraft, faultsOfServer, inputOfDraft, parseWait, waitText } from './draft'
import { anEndpoint } from './fixtures'

test.each([
  ['0', 0],
  ['5 s', 5000],
  ['5s', 5000],
  ['2 min', 120_000],
  ['2m', 120_000],
  ['1.5 h', 5_400_000],
  ['1 d', 86_400_000],
  ['250 ms', 250],
  ['5', null],
  ['soon', null],
  ['', null],
])('the wait %j is %j', (text, ms) => {
  expect(parseWait(text)).toBe(ms)
})

it('a wait is written so that it can be read again', () => {
  for (const ms of [0, 1, 500, 5000, 90_000, 120_000, 3_600_000, 86_400_000, 5_400_000]) {
    expect(parseWait(waitText(ms))).toBe(ms)
  }
})

it('an endpoint survives the form', () => {
  const endpoint = anEndpoint({
    types: ['order.*', 'user.created'],
    filter: { 'payload.amount': { gte: 100 } },
    headers: { 'X-Team': 'billing', Authorization: '(set)' },
    rate_per_second: 2.5,
    order_key: 'customer.id',
    retry_schedule_ms: [0, 5000, 3_600_000],
  })
  expect(anEndpoint(inputOfDraft(draftOfEndpoint(endpoint)))).toEqual(
    anEndpoint(inputOfDraft(draftOfEndpoint(endpoint))),
  )
  expect({ ...endpoint, ...inputOfDraft(draftOfEndpoint(endpoint)) }).toEqual(endpoint)
})

it('faults stand at their fields', () => {
  const draft = {
    ...draftOfEndpoint(null),
    url: 'ftp://x',
    filter: '{"a": }',
    headers: 'no colon',
    timeout: 'x',
    schedule: '0, soon',
  }
  expect(Object.keys(faultsOfDraft(draft)).sort()).toEqual([
    'filter',
    'headers',
    'schedule',
    'timeout',
    'url',
  ])
  expect(faultsOfDraft({ ...draftOfEndpoint(null), url: 'https://a.example' })).toEqual({})
  expect(
    faultsOfServer([
      { field: 'retry_schedule_ms[2]', reason: 'is too long' },
      { field: 'filter.x', reason: 'r' },
    ]),
  ).toEqual({
    schedule: 'is too long',
    filter: 'r',
  })
})

it('sends a filter as it was typed, which JSON.parse would round', () => {
  const filter_text = '{"payload.id":18446744073709551615,"payload.z":1.0}'
  const input = inputOfDraft({ ...draftOfEndpoint(null), filter: ` ${filter_text}\n` })
  expect(writeKeepingTexts(input)).toContain(`"filter":${filter_text},`)
  expect(writeKeepingTexts(input)).not.toContain('filter_text')
})
