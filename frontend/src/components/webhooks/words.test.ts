import { expect, it, test } from 'vitest'
import { addsTo, messageOf, outcomeOf } from './words'

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
