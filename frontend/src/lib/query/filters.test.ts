import { describe, expect, it } from 'vitest'
import { anEvent } from '../../test/events'
import { NO_FILTERS, filtersOf, matches, matchesGlobs, queryOf } from './filters'

describe('matchesGlobs', () => {
  it.each([
    ['order.created', 'order.*', true],
    ['order.created', '*.created', true],
    ['order.created', 'o*r.*ted', true],
    ['order.created', 'order', false],
    ['order.created', 'invoice.*, order.created', true],
    ['aba', 'ab*ba', false],
    ['a.b', 'a?b', false],
    ['order', '*', true],
    ['order', ',', false],
  ])('%s by %s: %s', (type, globs, expected) => {
    expect(matchesGlobs(type, globs)).toBe(expected)
  })
})

describe('matches', () => {
  const event = anEvent({ payload: { customer: 'Ada' } })
  it.each([
    [{ status: 'pending' as const }, true],
    [{ status: 'failed' as const }, false],
    [{ source: 'shop' }, true],
    [{ source: 'sho' }, false],
    [{ search: 'ADA' }, true],
    [{ search: 'bob' }, false],
    [{ created_after: '2026-01-01T09:00:00Z' }, true],
    [{ created_before: '2026-01-01T09:00:00Z' }, false],
  ])('%j: %s', (patch, expected) => {
    expect(matches(event, { ...NO_FILTERS, ...patch })).toBe(expected)
  })
})

it('filters survive the URL, and unknown statuses do not', () => {
  const filters = { ...NO_FILTERS, status: 'failed' as const, type: 'order.*', search: 'a&b' }
  expect(filtersOf(queryOf(filters))).toEqual(filters)
  expect(filtersOf(new URLSearchParams('status=lost')).status).toBe('')
})
