import type { ApiEvent, EventPage } from './types'
import { eventOf, fold, isNewer, merge } from './change'
import type { Change } from './change'
import { matches } from './filters'
import type { Filters } from './filters'

/** A page in the cache: what the server gave, kept up to date, and where the next one starts. */
export interface LivePage extends EventPage {
  /** The id the next page starts after; null: that event is gone, see nextCursor. */
  next: string | null
}

/** What changes did to a list. */
export interface Applied {
  pages: LivePage[]
  /** Events that match now and are not in the list; a frame did not bring all of them. */
  missing: string[]
}

/** A live list is cut to this many rows; further ones are fetched again when scrolled to. */
export const MAX_ROWS = 20_000

const lastId = (events: readonly ApiEvent[]): string | null => events[events.length - 1]?.id ?? null

export function livePage(page: EventPage): LivePage {
  return { ...page, next: lastId(page.events) }
}

/** Where the page after these starts; '' is the top, undefined says that all is here. */
export function nextCursor(pages: readonly LivePage[]): string | undefined {
  const last = pages[pages.length - 1]
  if (!last?.has_more) return undefined
  return last.next ?? lastId(rowsOf(pages)) ?? ''
}

/** All rows of a list. */
export function rowsOf(pages: readonly LivePage[]): ApiEvent[] {
  return pages.flatMap((page) => page.events)
}

/**
 * Brings the pages of one list up to date. A change that is not newer than what its page was read at, or than
 * its row, is ignored; rows that no longer match leave; new ones come in on top.
 */
export function applyChanges(
  pages: readonly LivePage[],
  changes: readonly Change[],
  filters: Filters,
): Applied {
  const left = fold(changes)
  const updated = pages.map((page) => applyToRows(page, left, filters))
  const top = updated[0]
  const { rows, missing } = newRows(left, top?.seq ?? 0, filters)
  if (rows.length === 0) return { pages: updated, missing }
  return { pages: trim(insert(updated, rows)), missing }
}

// Takes out of `left` what it finds, so that the rest are events the list does not have.
function applyToRows(page: LivePage, left: Map<string, Change>, filters: Filters): LivePage {
  if (!page.events.some((row) => left.has(row.id))) return page
  const events: ApiEvent[] = []
  let cursor = page.next
  for (const row of page.events) {
    const change = left.get(row.id)
    left.delete(row.id)
    const next = change && isNewer(change, page.seq) ? changed(row, change) : row
    if (next === null && row.id === cursor) cursor = null
    if (next && (next === row || matches(next, filters))) events.push(next)
  }
  return { ...page, events, next: cursor }
}

function changed(row: ApiEvent, change: Change): ApiEvent | null {
  if (change.kind === 'deleted') return isNewer(change, row.seq) ? null : row
  return merge(row, change)
}

function newRows(left: Map<string, Change>, seq: number, filters: Filters) {
  const rows: ApiEvent[] = []
  const missing: string[] = []
  for (const change of left.values()) {
    if (change.kind === 'deleted' || !isNewer(change, seq)) continue
    if (change.kind === 'created' && change.data.type !== undefined) {
      const row = eventOf(change)
      if (matches(row, filters)) rows.push(row)
      // Its payload may be what is searched for.
      else if (row.payload_truncated && matches(row, { ...filters, search: '' })) missing.push(change.id)
    } else if (filters.status !== '' && change.data.status === filters.status) {
      missing.push(change.id)
    }
  }
  return { rows, missing }
}

// Each row on the page it belongs to. What is older than all that is here comes with a further page, where there is one.
function insert(pages: readonly LivePage[], rows: readonly ApiEvent[]): LivePage[] {
  const ends = pages.map(({ events }) => events[events.length - 1]?.created_at)
  const beyond = pages[pages.length - 1]?.has_more ? -1 : pages.length - 1
  const last = ends.every((end) => end === undefined) ? 0 : beyond
  const places = rows.map((row) => {
    const at = ends.findIndex((end) => end !== undefined && end <= row.created_at)
    return at < 0 ? last : at
  })
  return pages.map((page, i) => {
    const its = rows.filter((_row, n) => places[n] === i)
    return its.length === 0 ? page : { ...page, events: insertByAge(page.events, its) }
  })
}

// Newest first. Rows nearly always belong on top, so the search for their place is short.
function insertByAge(events: readonly ApiEvent[], rows: readonly ApiEvent[]): ApiEvent[] {
  const result = [...events]
  const oldestFirst = [...rows].sort((a, b) => (a.created_at < b.created_at ? -1 : 1))
  if (result.length === 0 || oldestFirst.every((r) => r.created_at >= (result[0]?.created_at ?? ''))) {
    return [...oldestFirst.reverse(), ...result]
  }
  for (const row of oldestFirst) {
    const at = result.findIndex((e) => e.created_at <= row.created_at)
    result.splice(at < 0 ? result.length : at, 0, row)
  }
  return result
}

function trim(pages: LivePage[]): LivePage[] {
  let room = MAX_ROWS
  const kept: LivePage[] = []
  for (const page of pages) {
    if (room <= 0) break
    kept.push(
      page.events.length <= room
        ? page
        : livePage({ ...page, has_more: true, events: page.events.slice(0, room) }),
    )
    room -= page.events.length
  }
  return kept
}

/** Takes an event into the list, or brings its row up to date: the answer of a request of one's own. */
export function upsert(pages: readonly LivePage[], event: ApiEvent, filters: Filters): LivePage[] {
  const known = pages.some((page) => page.events.some((row) => row.id === event.id))
  if (!known) {
    return matches(event, filters) ? insert(pages, [event]) : [...pages]
  }
  return pages.map((page) => ({
    ...page,
    events: page.events
      .map((row) => (row.id === event.id && event.seq >= row.seq ? event : row))
      .filter((row) => row.id !== event.id || matches(row, filters)),
  }))
}

/** Takes an event out of the list. */
export function remove(pages: readonly LivePage[], id: string): LivePage[] {
  return pages.map((page) =>
    page.events.some((row) => row.id === id)
      ? {
          ...page,
          events: page.events.filter((row) => row.id !== id),
          next: page.next === id ? null : page.next,
        }
      : page,
  )
}
