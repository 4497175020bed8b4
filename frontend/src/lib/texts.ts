// JSON.parse rounds numbers beyond 2^53, makes 1.0 into 1 and 1e400 into Infinity, keeps the last of two equal
// names and moves names like "10" to the front. So the text of a payload is kept beside its value.
import { isRecord } from './guards'

// Where payloads stand is known: {payload}, {events:[…]}, {data:…}, {data:[{data:…}]}, {data:{state:…}}.
const DEEPEST = 6
const KEPT = ['payload', 'filter']

/**
 * Parses JSON. Where JSON.stringify would write a `payload` or `filter` otherwise than it came, its text stands
 * beside it, byte for byte, as `payload_text` or `filter_text`.
 */
export function parseKeepingTexts(json: string): unknown {
  const value: unknown = JSON.parse(json)
  if (KEPT.some((name) => json.includes(`"${name}"`))) keep(json, skipSpace(json, 0), value, 0)
  return value
}

/** The text of a payload: as the sender wrote it where that is known, else as JavaScript writes it. */
export function payloadText(event: { payload?: unknown; payload_text?: string | undefined }): string {
  return event.payload_text ?? JSON.stringify(event.payload ?? {})
}

/** The body that sends an event; with `payload_text` the payload goes out exactly so. */
export function eventBody(event: {
  type: string
  source: string
  payload: unknown
  payload_text?: string | undefined
}): string {
  const head = JSON.stringify({ type: event.type, source: event.source })
  return `${head.slice(0, -1)},"payload":${payloadText(event)}}`
}

/** Walks over the text and its value side by side; returns where the value ends. The JSON is valid. */
function keep(json: string, start: number, value: unknown, depth: number): number {
  if (depth > DEEPEST || typeof value !== 'object' || value === null) return skipValue(json, start)
  let at = skipSpace(json, start + 1)
  for (let index = 0; json[at] !== '}' && json[at] !== ']'; index++) {
    let child: unknown
    let name = ''
    if (isRecord(value)) {
      const end = skipString(json, at)
      name = JSON.parse(json.slice(at, end)) as string
      at = skipSpace(json, skipSpace(json, end) + 1)
      child = value[name]
    } else {
      child = (value as unknown[])[index]
    }
    const kept = KEPT.includes(name) && isRecord(child)
    const end = kept ? skipValue(json, at) : keep(json, at, child, depth + 1)
    if (kept) keepText(value as Record<string, unknown>, name, json.slice(at, end))
    at = skipSpace(json, end)
    if (json[at] === ',') at = skipSpace(json, at + 1)
  }
  return at + 1
}

function keepText(of: Record<string, unknown>, name: string, text: string): void {
  if (writtenBy(of[name]) !== text) of[`${name}_text`] = text
}

function writtenBy(value: unknown): string | null {
  try {
    return JSON.stringify(value)
  } catch {
    return null // too deep for this engine's stack
  }
}

const SPACE = /[ \t\n\r]*/y
const SCALAR = /[^,:{}[\]" \t\n\r]+/y

const after = (pattern: RegExp, json: string, at: number): number => {
  pattern.lastIndex = at
  return pattern.test(json) ? pattern.lastIndex : at
}

/** Where the space from here on ends. */
export const skipSpace = (json: string, at: number): number => after(SPACE, json, at)
/** Where the string that begins here ends. Without a pattern: a long text would be too deep for some engines. */
export function skipString(json: string, start: number): number {
  for (let at = json.indexOf('"', start + 1); at >= 0; at = json.indexOf('"', at + 1)) {
    let first = at
    while (json[first - 1] === '\\') first--
    if ((at - first) % 2 === 0) return at + 1
  }
  return json.length
}

/** Where the value that begins here ends, without recursion. */
export function skipValue(json: string, start: number): number {
  let depth = 0
  for (let at = start; at < json.length;) {
    const c = json[at]
    if (c === '"') at = skipString(json, at)
    else if (c === '{' || c === '[') {
      depth++
      at++
    } else if (c === '}' || c === ']') {
      depth--
      at++
    } else if (c === ',' || c === ':' || c === ' ' || c === '\n' || c === '\t' || c === '\r') {
      at++
      continue
    } else at = after(SCALAR, json, at)
    if (depth === 0) return at
  }
  return json.length
}

/** One member of an object or element of an array, in the order and as often as it is written. */
export interface JsonPart {
  /** null: of an array. */
  name: string | null
  start: number
  end: number
}

/** The parts of the object or array that begins at `start`. */
export function partsOf(json: string, start: number): JsonPart[] {
  const parts: JsonPart[] = []
  const inObject = json[start] === '{'
  let at = skipSpace(json, start + 1)
  while (at < json.length && json[at] !== '}' && json[at] !== ']') {
    let name: string | null = null
    if (inObject) {
      const end = skipString(json, at)
      name = JSON.parse(json.slice(at, end)) as string
      at = skipSpace(json, skipSpace(json, end) + 1)
    }
    const end = skipValue(json, at)
    parts.push({ name, start: at, end })
    at = skipSpace(json, end)
    if (json[at] === ',') at = skipSpace(json, at + 1)
  }
  return parts
}
