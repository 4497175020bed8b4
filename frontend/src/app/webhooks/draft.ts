import { jsonFault } from '../send/json'
import type { Endpoint, EndpointInput } from './types'

/** An endpoint as a form holds it: text, as it is typed. */
export interface EndpointDraft {
  url: string
  description: string
  types: string
  filter: string
  headers: string
  rate: string
  inFlight: string
  timeout: string
  schedule: string
  orderKey: string
}

export type EndpointFaults = Partial<Record<keyof EndpointDraft, string>>

/** The server's own defaults. */
const DEFAULT_SCHEDULE = [0, 5000, 30_000, 120_000, 600_000, 3_600_000, 21_600_000, 86_400_000]
const UNITS: readonly [string, number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
  ['ms', 1],
]

/** A wait in the largest unit that gives a whole number. */
export function waitText(ms: number): string {
  if (ms === 0) return '0'
  const [unit, size] = UNITS.find(([, size]) => ms % size === 0) ?? ['ms', 1]
  return `${ms / size} ${unit}`
}

/** Reads a wait such as `5 s`, `10min` or `0`; null: it is none. */
export function parseWait(text: string): number | null {
  const found = /^(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)?$/.exec(text.trim())
  if (!found) return null
  const unit = found[2] === 'm' ? 'min' : found[2]
  const size = UNITS.find(([name]) => name === unit)?.[1]
  if (size === undefined) return Number(found[1]) === 0 ? 0 : null
  return Math.round(Number(found[1]) * size)
}

export function draftOfEndpoint(e: Endpoint | null): EndpointDraft {
  return {
    url: e?.url ?? '',
    description: e?.description ?? '',
    types: e?.types.join(', ') ?? '',
    filter: e?.filter ? (e.filter_text ?? JSON.stringify(e.filter, null, 2)) : '',
    headers: Object.entries(e?.headers ?? {})
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n'),
    rate: String(e?.rate_per_second ?? 0),
    inFlight: String(e?.max_in_flight ?? 10),
    timeout: String((e?.timeout_ms ?? 15_000) / 1000),
    schedule: (e?.retry_schedule_ms ?? DEFAULT_SCHEDULE).map(waitText).join(', '),
    orderKey: e?.order_key ?? '',
  }
}

const list = (text: string) =>
  text
    .split(',')
    .map((t) => t.trim())
    .filter(Boolean)

function filterFault(text: string): string {
  if (text.trim() === '') return ''
  const fault = jsonFault(text)
  if (fault) return `${fault.line}:${fault.column} ${fault.reason}`
  const value: unknown = JSON.parse(text)
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? '' : 'must be a JSON object'
}

function urlFault(text: string): string {
  if (!text) return 'is required'
  return /^https?:\/\/[^/\s]+/.test(text) ? '' : 'must begin with https:// (or http://) and a host'
}

/** What is wrong with a draft, at a glance; the server has the last word. */
export function faultsOfDraft(d: EndpointDraft): EndpointFaults {
  const number = (text: string) => (text.trim() !== '' && Number(text) >= 0 ? '' : 'must be a number')
  const bad = list(d.schedule).find((t) => parseWait(t) === null)
  const badHeader = d.headers.split('\n').find((line) => line.trim() !== '' && !/^[^\s:]+:/.test(line))
  const faults: EndpointFaults = {
    url: urlFault(d.url.trim()),
    filter: filterFault(d.filter),
    headers: badHeader === undefined ? '' : `"${badHeader}" is not of the form Name: value`,
    rate: number(d.rate),
    inFlight: number(d.inFlight),
    timeout: number(d.timeout),
    schedule: bad === undefined ? '' : `"${bad}" is no wait, such as 5 s, 10 min or 1 h`,
  }
  return Object.fromEntries(Object.entries(faults).filter(([, fault]) => fault !== ''))
}

// As it was typed: JSON.parse rounds numbers, and the server compares them exactly.
function filterOf(text: string): Pick<EndpointInput, 'filter' | 'filter_text'> {
  if (text === '') return { filter: null }
  const filter = JSON.parse(text) as Record<string, unknown>
  return JSON.stringify(filter, null, 2) === text ? { filter } : { filter, filter_text: text }
}

/** What a draft without faults says. */
export function inputOfDraft(d: EndpointDraft): EndpointInput {
  const pairs = d.headers.split('\n').flatMap((line) => {
    const at = line.indexOf(':')
    return at > 0 ? [[line.slice(0, at).trim(), line.slice(at + 1).trim()] as const] : []
  })
  return {
    url: d.url.trim(),
    description: d.description.trim(),
    types: list(d.types),
    ...filterOf(d.filter.trim()),
    headers: Object.fromEntries(pairs),
    rate_per_second: Number(d.rate),
    max_in_flight: Number(d.inFlight),
    timeout_ms: Math.round(Number(d.timeout) * 1000),
    retry_schedule_ms: list(d.schedule).map((t) => parseWait(t) ?? 0),
    order_key: d.orderKey.trim(),
  }
}

const fieldOf: Record<string, keyof EndpointDraft> = {
  url: 'url',
  description: 'description',
  types: 'types',
  filter: 'filter',
  headers: 'headers',
  rate_per_second: 'rate',
  max_in_flight: 'inFlight',
  timeout_ms: 'timeout',
  retry_schedule_ms: 'schedule',
  order_key: 'orderKey',
}

/** The server's faults, at the fields of the form. */
export function faultsOfServer(errors: readonly { field: string; reason: string }[]): EndpointFaults {
  const faults: EndpointFaults = {}
  for (const { field, reason } of errors) {
    const name = fieldOf[field.split(/[.[]/)[0] ?? '']
    if (name) faults[name] ??= reason
  }
  return faults
}
