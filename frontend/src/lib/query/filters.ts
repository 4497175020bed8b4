import type { EventStatus } from '../messages'
import { TextSearch } from './search'

/** What the list of events is narrowed to; '' means: not narrowed. */
export interface Filters {
  status: '' | EventStatus
  /** Globs, comma-separated: `order.*,invoice.paid`. */
  type: string
  source: string
  search: string
  /** RFC 3339. */
  created_after: string
  created_before: string
}

export const NO_FILTERS: Filters = {
  status: '',
  type: '',
  source: '',
  search: '',
  created_after: '',
  created_before: '',
}

const NAMES = Object.keys(NO_FILTERS) as (keyof Filters)[]
const STATUSES: readonly string[] = ['pending', 'delivered', 'failed']

/** Reads filters from the URL's query; what it does not know it leaves out. */
export function filtersOf(query: URLSearchParams): Filters {
  const filters: Filters = { ...NO_FILTERS }
  for (const name of NAMES) {
    const value = query.get(name)?.trim() ?? ''
    if (name !== 'status') filters[name] = value
    else if (STATUSES.includes(value)) filters.status = value as EventStatus
  }
  return filters
}

/** The query that says the same, in one order, so that equal filters have equal text. */
export function queryOf(filters: Filters): URLSearchParams {
  const query = new URLSearchParams()
  for (const name of NAMES) if (filters[name]) query.set(name, filters[name])
  return query
}

export const isNarrowed = (filters: Filters): boolean => NAMES.some((name) => filters[name] !== '')

/** What of an event decides whether it matches. */
export interface Matchable {
  id: string
  status: string
  type: string
  source: string
  created_at: string
  payload: unknown
  payload_text?: string | undefined
}

/** Whether a live event belongs in a list with these filters, by the server's rules. */
export function matches(event: Matchable, f: Filters): boolean {
  return (
    (f.status === '' || event.status === f.status) &&
    (f.type === '' || matchesGlobs(event.type, f.type)) &&
    (f.source === '' || event.source.normalize('NFC') === f.source.normalize('NFC')) &&
    (f.search === '' || matchesSearch(event, f.search)) &&
    (f.created_after === '' || Date.parse(event.created_at) > Date.parse(f.created_after)) &&
    (f.created_before === '' || Date.parse(event.created_at) < Date.parse(f.created_before))
  )
}

/** Whether a type matches one of some comma-separated globs; `*` stands for any text. */
export function matchesGlobs(type: string, globs: string): boolean {
  const all = globs.split(',').map((g) => g.trim())
  return all.some((glob) => glob !== '' && globMatches(type, glob))
}

// Without a regular expression: a glob of a reader cannot make it slow.
function globMatches(text: string, glob: string): boolean {
  const parts = glob.split('*')
  const first = parts[0] ?? ''
  const last = parts[parts.length - 1] ?? ''
  if (parts.length === 1) return text === glob
  if (!text.startsWith(first) || text.length < first.length + last.length) return false
  let at = first.length
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return text.endsWith(last) && text.length - last.length >= at
}

function matchesSearch(event: Matchable, text: string): boolean {
  const search = new TextSearch(text)
  const fields = [event.id, event.type, event.source]
  return (
    fields.some((field) => search.inText(field)) ||
    search.inJson(event.payload_text ?? JSON.stringify(event.payload))
  )
}
