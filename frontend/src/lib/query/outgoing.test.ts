import { expect, it } from 'vitest'
import { aCreation, anEvent } from '../../test/events'
import { NO_FILTERS } from './filters'
import { claim, withOutgoing } from './outgoing'

const out = {
  key: 'k1',
  event: { type: 'order.created', source: 'shop', payload: { b: 2, a: 1 } },
  started_at: '2026-01-01T10:00:05.000Z',
}

it('shows what is being sent on top, where it matches', () => {
  expect(withOutgoing([anEvent()], [out], NO_FILTERS).map((r) => [r.id, r.sending])).toEqual([
    ['k1', true],
    ['evt_1', undefined],
  ])
  expect(withOutgoing([anEvent()], [out], { ...NO_FILTERS, status: 'failed' })).toHaveLength(1)
})

it('a frame with the same content takes the place of one sending row', () => {
  const twin = aCreation({ payload: { a: 1, b: 2 } })
  expect(claim([out, { ...out, key: 'k2' }], [twin]).map((o) => o.key)).toEqual(['k2'])
})

it('another event does not', () => {
  const all = [out]
  expect(claim(all, [aCreation({ payload: { a: 1 } }), aCreation({ source: 'x' })])).toBe(all)
})
