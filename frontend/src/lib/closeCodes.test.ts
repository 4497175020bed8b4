import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decideClose, MAX_RETRY_AFTER_MS } from './closeCodes'

const retried = [1001, 1005, 1006, 1011, 1012, 1013, 1014, 4401, 4408, 4429, 4500, 4503, 4599]
const final = [1000, 1002, 1003, 1007, 1008, 1009, 1010, 4000, 4099, 4100, 4400, 4403, 4404, 4499, 3000, 4600]

test.each(retried)('%i is tried again', (code) => {
  expect(decideClose(code).retry).toBe(true)
})

test.each(final)('%i is final', (code) => {
  expect(decideClose(code)).toEqual({ retry: false, refreshToken: false })
})

test('only 4401 asks for a new token', () => {
  expect([...retried, ...final].filter((code) => decideClose(code).refreshToken)).toEqual([4401])
})

test.each([
  ['restart retry_after_ms=1500', { word: 'restart', retryAfterMs: 1500 }],
  ['restart', { word: 'restart' }],
  ['retry_after_ms=20', { retryAfterMs: 20 }],
  ['restart retry_after_ms=0', { word: 'restart', retryAfterMs: 0 }],
  ['restart retry_after_ms=999999999999', { word: 'restart', retryAfterMs: MAX_RETRY_AFTER_MS }],
  ['restart retry_after_ms=-5', {}],
  ['restart retry_after_ms=soon', {}],
  ['Something <b>else</b>', {}],
  ['', {}],
])('reason %j says %j', (reason, said) => {
  expect(decideClose(1012, reason)).toEqual({ retry: true, refreshToken: false, ...said })
})

test('advice for a final close is no advice', () => {
  expect(decideClose(4403, 'forbidden retry_after_ms=10').retryAfterMs).toBeUndefined()
})

test('no code and no reason makes it throw', () => {
  fc.assert(fc.property(fc.integer(), fc.string(), (code, reason) => void decideClose(code, reason)))
})
