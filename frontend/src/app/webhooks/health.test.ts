import { expect, it, test } from 'vitest'
import { aHealthPage } from '../../test/answers'
import { anEndpoint } from './fixtures'
import { byUrgency, healthOf, isStuck, successRate, summaryOf, troubleOf } from './health'

const now = Date.parse('2026-01-01T12:00:00Z')
const later = '2026-01-01T12:01:00Z'
const before = '2026-01-01T11:00:00Z'

test.each([
  ['idle', {}],
  ['healthy', { last_success_at: before }],
  ['retrying', { last_success_at: before, consecutive_failures: 1, pending: 1 }],
  ['lost', { last_success_at: before, consecutive_failures: 1, failed: 1 }],
  ['failing', { consecutive_failures: 3 }],
  ['holding', { consecutive_failures: 6, hold_until: later }],
  ['failing', { consecutive_failures: 6, hold_until: before }],
  ['paused', { status: 'paused', consecutive_failures: 6 }],
  ['disabled', { status: 'disabled', hold_until: later }],
] as const)('%s', (word, patch) => {
  expect(healthOf(anEndpoint(patch), now)).toBe(word)
})

const all = [
  anEndpoint({ id: 'idle' }),
  anEndpoint({ id: 'healthy', last_success_at: before }),
  anEndpoint({ id: 'disabled', status: 'disabled' }),
  anEndpoint({ id: 'failing', consecutive_failures: 4 }),
  anEndpoint({ id: 'retrying', consecutive_failures: 1, pending: 1 }),
  anEndpoint({ id: 'lost', consecutive_failures: 1 }),
]

it('those that need somebody come first', () => {
  const sorted = [...all].sort(byUrgency(now)).map((e) => e.id)
  expect(sorted).toEqual(['disabled', 'failing', 'lost', 'retrying', 'healthy', 'idle'])
  const none = aHealthPage().counts
  const counts = { ...none, disabled: 1, failing: 1, holding: 1, lost: 1, retrying: 1 }
  expect(summaryOf({ counts })).toBe('1 disabled, 2 failing, 1 gave up, 1 retrying')
  expect(summaryOf({ counts: none })).toBe('')
})

it('what retries or was paused is not stuck', () => {
  const stuck = all.filter((e) => isStuck(e, now)).map((e) => e.id)
  expect(stuck).toEqual(['disabled', 'failing', 'lost'])
})

it('an old failure is no trouble any more, and the reason of a disabled endpoint is', () => {
  const failed = { last_error: '503 Service Unavailable' }
  expect(troubleOf(anEndpoint(failed))).toBeNull()
  expect(troubleOf(anEndpoint({ ...failed, consecutive_failures: 1 }))).toBe('503 Service Unavailable')
  expect(troubleOf(anEndpoint({ ...failed, status: 'disabled', disabled_reason: '410 Gone' }))).toBe(
    '410 Gone',
  )
})

it('a rate is of what has ended', () => {
  expect(successRate(anEndpoint({ pending: 5 }))).toBeNull()
  expect(successRate(anEndpoint({ delivered: 3, failed: 1 }))).toBe(75)
})
