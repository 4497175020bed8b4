import { expect, it, test } from 'vitest'
import { Contact, asOfQuery, freshnessOf, freshnessWords } from './freshness'

const noon = Date.parse('2026-01-01T12:00:00Z')
const page = { connected: false, online: true, paused: false }

function heard(silence: number, { sinceAnswer = silence, hasFailed = false, lostFor = 60_000 } = {}) {
  return {
    silence: () => silence,
    sinceAnswer: () => sinceAnswer,
    hasFailed,
    lostFor: () => lostFor,
    pausedAt: noon - 5000,
  }
}

test.each([
  ['connected', { ...page, connected: true }, heard(9000), 'live', null],
  ['connected, and offline', { ...page, connected: true, online: false }, heard(9000), 'stale', noon - 9000],
  ['the server was stopped', page, heard(60_000), 'stale', noon - 60_000],
  ['the server was stopped just now', page, heard(30_000, { lostFor: 400 }), 'live', null],
  ['a poll was answered', page, heard(4000), 'polled', noon - 4000],
  ['a poll was answered, the next one not', page, heard(4000, { hasFailed: true }), 'stale', noon - 4000],
  ['the last poll is long ago', page, heard(16_000), 'stale', noon - 16_000],
  ['an answer from before the loss', page, heard(3000, { lostFor: 2000 }), 'stale', noon - 3000],
  ['paused', { ...page, paused: true, connected: true }, heard(1), 'paused', noon - 5000],
  ['nothing was ever heard', page, heard(Infinity), 'stale', null],
] as const)('%s', (_name, given, contact, state, asOf) => {
  expect(freshnessOf(given, contact, noon)).toEqual({ state, asOf })
})

it('what is stale says its age, and never that it is live', () => {
  expect(freshnessWords({ state: 'stale', asOf: noon })).toMatch(/^as of \d/)
  expect(freshnessWords({ state: 'stale', asOf: null })).toBe('no data yet')
  expect(freshnessWords({ state: 'paused', asOf: noon })).toMatch(/^paused, as of \d/)
  expect(freshnessWords({ state: 'live', asOf: null })).toBe('live')
})

it('data of a query that fails are old, though the page is live', () => {
  const live = { state: 'live', asOf: null } as const
  expect(asOfQuery(live, { isError: false, dataUpdatedAt: 5, data: {} })).toBeNull()
  expect(asOfQuery(live, { isError: true, dataUpdatedAt: noon, data: {} })).toBeGreaterThan(0)
  expect(asOfQuery({ state: 'stale', asOf: noon }, { isError: false, dataUpdatedAt: 5, data: {} })).toBe(noon)
})

it('a contact counts from the latest sign of life', () => {
  let ticks = 0
  const contact = new Contact(() => ticks)
  expect(contact.silence()).toBe(Infinity)
  contact.answered()
  ticks = 5000
  contact.failed()
  contact.heard()
  ticks = 6000
  expect([contact.silence(), contact.sinceAnswer(), contact.hasFailed]).toEqual([1000, 6000, true])
})
