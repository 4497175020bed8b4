import { expect, it, test } from 'vitest'
import { addsTo, adviceFor, dueWords, messageOf, outcomeOf } from './words'

const attempt = (status_code: number | null, error_kind: string | null, error_message: string | null) => ({
  status_code,
  error_kind,
  error_message,
})

test.each([
  [attempt(204, null, null), '204', ''],
  [attempt(503, 'http_5xx', '503 Service Unavailable'), '503 Service Unavailable · receiver failed', ''],
  [attempt(599, 'http_5xx', '599'), '599 · receiver failed', ''],
  [attempt(200, 'too_large', 'longer than 1 MiB'), '200 · answer too large', 'longer than 1 MiB'],
  [attempt(null, 'connect', 'refused by 10.0.0.1:80'), 'cannot connect', 'refused by 10.0.0.1:80'],
])('%o says each thing once', (x, outcome, message) => {
  expect(outcomeOf(x)).toBe(outcome)
  expect(messageOf(x)).toBe(message)
})

it('a reason that names the error is not followed by it', () => {
  expect(addsTo('It answered 410 Gone: the receiver wants no more webhooks', '410 Gone')).toBe(false)
  expect(addsTo('Too many failures in a row', '503 Service Unavailable')).toBe(true)
  expect(addsTo(null, '503 Service Unavailable')).toBe(true)
  expect(addsTo(null, null)).toBe(false)
})

test.each([
  [401, 'http_4xx', /signature/],
  [403, 'http_4xx', /credentials/],
  [404, 'http_4xx', /address/],
  [410, 'http_4xx', /disabled/],
  [413, 'http_4xx', /too large/],
  [415, 'http_4xx', /application\/json/],
  [422, 'http_4xx', /expects/],
  [429, 'http_4xx', /rate.*Retry-After/],
  [418, 'http_4xx', /log/],
  [500, 'http_5xx', /fault/],
  [503, 'http_5xx', /Retry-After/],
  [301, 'redirect', /moved/],
  [302, 'redirect', /not followed/],
  [null, 'timeout', /in time/],
  [null, 'connect', /running/],
  [null, 'dns', /DNS/],
])('advice for %s %s', (status_code, error_kind, words) => {
  const advice = adviceFor({ status_code, error_kind })
  expect(advice).toMatch(words)
  if (status_code !== 401 && status_code !== 403) expect(advice).not.toMatch(/signature/i)
})

it('what is on hold is not next now', () => {
  const now = Date.parse('2026-01-01T12:00:00Z')
  const due = { due_at: '2026-01-01T11:59:00Z', leased_until: null }
  const endpoint = { status: 'active' as const, hold_until: null }
  expect(dueWords(due, endpoint, now)).toBe('next now')
  expect(dueWords(due, { ...endpoint, hold_until: '2026-01-01T12:05:00Z' }, now)).toMatch(
    /^held until .*, in 5 min$/,
  )
  expect(
    dueWords(
      { ...due, due_at: '2026-01-01T12:10:00Z' },
      { ...endpoint, hold_until: '2026-01-01T12:05:00Z' },
      now,
    ),
  ).toBe('next in 10 min')
  expect(dueWords(due, { ...endpoint, status: 'paused' }, now)).toBe('waits until the endpoint is resumed')
  expect(dueWords(due, { ...endpoint, status: 'disabled' }, now)).toBe('waits until the endpoint is enabled')
  expect(dueWords(due, undefined, now)).toBe('next now')
})
