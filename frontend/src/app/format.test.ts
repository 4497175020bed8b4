import fc from 'fast-check'
import { expect, it, test } from 'vitest'
import { percent } from './format'

test.each([
  [0, '0 %'],
  [100, '100 %'],
  [50, '50.0 %'],
  [66.666, '66.7 %'],
  [(100 * 100_178) / 100_183, '>99.99 %'],
  [99.99, '99.99 %'],
  [99.96, '99.96 %'],
  [99.94, '99.9 %'],
  [0.04, '0.04 %'],
  [0.001, '<0.01 %'],
])('%d is %s', (n, words) => {
  expect(percent(n)).toBe(words)
})

it('says 0 or 100 only of nothing and all', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 1, max: 1e9 }), (good, bad) => {
      expect(['0 %', '100 %', '0.0 %', '100.0 %', '0.00 %', '100.00 %']).not.toContain(
        percent((100 * good) / (good + bad)),
      )
    }),
  )
})
