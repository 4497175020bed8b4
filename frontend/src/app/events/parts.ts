import { skipNested, skipString } from '../../lib/texts'

const SPACE = /[ \t\n\r]*/y
const SCALAR = /[^,:{}[\]" \t\n\r]*/y

const after = (pattern: RegExp, json: string, at: number): number => {
  pattern.lastIndex = at
  return pattern.test(json) ? pattern.lastIndex : at
}

const skipSpace = (json: string, at: number): number => after(SPACE, json, at)

function skipValue(json: string, at: number): number {
  if (json[at] === '"') return skipString(json, at)
  return json[at] === '{' || json[at] === '[' ? skipNested(json, at) : after(SCALAR, json, at)
}

/** One member of an object or element of an array, in the order and as often as it is written. */
export interface JsonPart {
  /** null: of an array. */
  name: string | null
  start: number
  end: number
}

/** Where the outermost value begins. */
export const startOf = (json: string): number => skipSpace(json, 0)

/** The parts of the object or array that begins at `start`. The JSON is valid. */
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
