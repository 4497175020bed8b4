import { describe, expect, it } from 'vitest'
import { aCreation, aDelivery, anEvent } from '../../test/events'
import { NO_FILTERS } from './filters'
import { applyChanges, livePage, nextCursor, remove, upsert } from './list'

const page = (ids: string[], seq = 10, has_more = false) =>
  livePage({ events: ids.map((id) => anEvent({ id, seq: 1 })), has_more, seq })
const ids = (pages: { events: { id: string }[] }[]) => pages.flatMap((p) => p.events.map((e) => e.id))

describe('applyChanges', () => {
  it('puts new events on top, newest first', () => {
    const older = aCreation({ id: 'c', seq: 11, created_at: '2026-01-01T10:00:01.000Z' })
    const newer = aCreation({ id: 'd', seq: 12, created_at: '2026-01-01T10:00:02.000Z' })
    expect(ids(applyChanges([page(['b', 'a'])], [older, newer], NO_FILTERS).pages)).toEqual([
      'd',
      'c',
      'b',
      'a',
    ])
  })

  it('ignores what the snapshot had already seen', () => {
    const before = [page(['b', 'a'], 10)]
    const old = [aCreation({ id: 'z', seq: 10 }), aDelivery('a', 9)]
    const { pages } = applyChanges(before, old, NO_FILTERS)
    expect(ids(pages)).toEqual(['b', 'a'])
    expect(pages[0]?.events[1]?.status).toBe('pending')
  })

  it('updates a row, and not back again by an older frame', () => {
    const first = applyChanges([page(['a'])], [aDelivery('a', 12)], NO_FILTERS).pages
    expect(first[0]?.events[0]).toMatchObject({ status: 'delivered', seq: 12, delivery_latency_ms: 20 })
    const stale = { ...aDelivery('a', 11), data: { id: 'a', status: 'pending' as const } }
    expect(applyChanges(first, [stale], NO_FILTERS).pages[0]?.events[0]?.status).toBe('delivered')
  })

  it('drops a payload that was erased, also of one that came in the same flush', () => {
    const data = { id: 'a', status: 'failed' as const, payload: {}, erased: true }
    const shown = applyChanges([page(['a'])], [{ ...aDelivery('a', 12), data }], NO_FILTERS).pages[0]
      ?.events[0]
    expect(shown).toMatchObject({ payload: {}, erased: true, status: 'failed' })
    const both = [aCreation({ id: 'n', seq: 11 }), { ...aDelivery('n', 12), data: { ...data, id: 'n' } }]
    expect(applyChanges([page([])], both, NO_FILTERS).pages[0]?.events[0]).toMatchObject({
      payload: {},
      erased: true,
    })
  })

  it('folds a creation and its update in one flush into one row', () => {
    const { pages } = applyChanges(
      [page([])],
      [aCreation({ id: 'n', seq: 11 }), aDelivery('n', 12)],
      NO_FILTERS,
    )
    expect(pages[0]?.events).toHaveLength(1)
    expect(pages[0]?.events[0]).toMatchObject({ id: 'n', status: 'delivered', source: 'shop' })
  })

  it('never doubles an event that is told of twice', () => {
    const c = aCreation({ id: 'n', seq: 11 })
    const once = applyChanges([page(['a'])], [c], NO_FILTERS).pages
    expect(ids(applyChanges(once, [c], NO_FILTERS).pages)).toEqual(['n', 'a'])
  })

  it('lets rows leave a list they no longer match, and asks for those that now do', () => {
    const pending = { ...NO_FILTERS, status: 'pending' as const }
    expect(ids(applyChanges([page(['b', 'a'])], [aDelivery('a', 11)], pending).pages)).toEqual(['b'])
    const delivered = { ...NO_FILTERS, status: 'delivered' as const }
    expect(applyChanges([page([])], [aDelivery('a', 11)], delivered).missing).toEqual(['a'])
  })

  it('asks for an event whose payload was too large for its frame, where a search may find it there', () => {
    const large = aCreation({ id: 'n', seq: 11, payload: {}, payload_truncated: true })
    const found = (filters: Partial<typeof NO_FILTERS>) =>
      applyChanges([page([])], [large], { ...NO_FILTERS, ...filters }).missing
    expect(found({ search: 'needle' })).toEqual(['n'])
    expect(found({ search: 'needle', source: 'other' })).toEqual([])
    expect(found({ source: 'other' })).toEqual([])
  })

  it('takes a deleted event out, and does not page from it', () => {
    const deleted = { kind: 'deleted' as const, id: 'a', seq: 11, data: {} }
    const { pages } = applyChanges([page(['b', 'a'], 10, true)], [deleted], NO_FILTERS)
    expect(ids(pages)).toEqual(['b'])
    expect(nextCursor(pages)).toBe('b')
  })

  it('keeps the object of pages that nothing touches', () => {
    const [a, b] = [page(['b']), page(['a'])]
    expect(applyChanges([a, b], [aDelivery('b', 11)], NO_FILTERS).pages[1]).toBe(b)
  })
})

describe('upsert and remove', () => {
  it('adds an unknown event and replaces a known one by a newer state only', () => {
    const pages = upsert([page(['a'])], anEvent({ id: 'n', seq: 20 }), NO_FILTERS)
    expect(ids(pages)).toEqual(['n', 'a'])
    const older = upsert(pages, anEvent({ id: 'n', seq: 19, status: 'failed' }), NO_FILTERS)
    expect(older[0]?.events[0]?.status).toBe('pending')
  })

  it('puts an older event where it belongs, and leaves out what a further page will bring', () => {
    const at = (second: number) => `2026-01-01T10:00:0${second}.000Z`
    const row = (id: string, second: number) => anEvent({ id, created_at: at(second) })
    const two = (a: number, b: number, has_more: boolean) =>
      livePage({ events: [row(`e${a}`, a), row(`e${b}`, b)], has_more, seq: 10 })
    const pages = [two(9, 7, true), two(5, 3, true)]
    expect(ids(upsert(pages, row('e4', 4), NO_FILTERS))).toEqual(['e9', 'e7', 'e5', 'e4', 'e3'])
    expect(ids(upsert(pages, row('e8', 8), NO_FILTERS))).toEqual(['e9', 'e8', 'e7', 'e5', 'e3'])
    expect(ids(upsert(pages, row('e1', 1), NO_FILTERS))).toEqual(['e9', 'e7', 'e5', 'e3'])
    const whole = [two(9, 7, true), two(5, 3, false)]
    expect(ids(upsert(whole, row('e1', 1), NO_FILTERS))).toEqual(['e9', 'e7', 'e5', 'e3', 'e1'])
    const created = aCreation({ id: 'e2', seq: 11, created_at: at(2) })
    expect(ids(applyChanges(pages, [created], NO_FILTERS).pages)).toEqual(['e9', 'e7', 'e5', 'e3'])
    // With nothing to compare with, it is shown.
    const empty = [livePage({ events: [], has_more: true, seq: 10 })]
    expect(ids(upsert(empty, row('e1', 1), NO_FILTERS))).toEqual(['e1'])
  })

  it('removes', () => {
    expect(ids(remove([page(['b', 'a'])], 'b'))).toEqual(['a'])
  })
})
