import fc from 'fast-check'
import { expect, test } from 'vitest'
import { backoffDelay } from './backoff'

const guide = { initialReconnectDelay: 1000, maxReconnectDelay: 30_000 }

test.each([
  [0, 0, 1000],
  [1, 0, 2000],
  [2, 0, 4000],
  [3, 0, 8000],
  [4, 0, 16_000],
  [5, 0, 30_000],
  [9, 0, 30_000],
  [2000, 0, 30_000],
  [0, 0.5, 1500],
  // The jitter comes after the clamp: the longest wait is not the same for all.
  [5, 0.999, 30_999],
])('attempt %i with random %d waits %i ms', (attempt, random, delay) => {
  expect(backoffDelay(attempt, guide, () => random)).toBe(delay)
})

test('full jitter takes anything up to the delay', () => {
  const full = { ...guide, jitter: 'full' as const }
  expect(backoffDelay(3, full, () => 0)).toBe(0)
  expect(backoffDelay(3, full, () => 0.5)).toBe(4000)
})

test('every delay is within its bounds', () => {
  const random = fc.double({ min: 0, max: 0.999999, noNaN: true })
  fc.assert(
    fc.property(fc.nat(5000), random, (attempt, r) => {
      const delay = backoffDelay(attempt, guide, () => r)
      expect(delay).toBeGreaterThanOrEqual(1000)
      expect(delay).toBeLessThanOrEqual(31_000)
    }),
  )
})
