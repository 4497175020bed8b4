// JSON.parse rounds numbers beyond 2^53, makes 1.0 into 1 and 1e400 into Infinity, keeps the last of two equal
// names and moves names like "10" to the front. So the text of a payload is kept beside its value.

const KEPT = ['payload', 'filter']

/**
 * Parses JSON. Where JSON.stringify would write a `payload` or `filter` otherwise than it came, its text stands
 * beside it, byte for byte, as `payload_text` or `filter_text`.
 */
export function parseKeepingTexts(json: string): unknown {
  const value: unknown = JSON.parse(json)
  if (KEPT.some((name) => json.includes(`"${name}"`))) keepTexts(json, value)
  return value
}

/** The text of a payload: as the sender wrote it where that is known, else as JavaScript writes it. */
export function payloadText(event: { payload?: unknown; payload_text?: string | undefined }): string {
  return event.payload_text ?? JSON.stringify(event.payload ?? {})
}

/** The body of a request: a `payload_text` or `filter_text` goes out in place of the value, byte for byte. */
export function writeKeepingTexts(body: object): string {
  const of = body as Record<string, unknown>
  const textOf = (name: string) => (KEPT.includes(name) ? of[`${name}_text`] : undefined)
  const members: string[] = []
  for (const [name, value] of Object.entries(of)) {
    if (KEPT.some((kept) => name === `${kept}_text`) || value === undefined) continue
    const text = textOf(name)
    members.push(`${JSON.stringify(name)}:${typeof text === 'string' ? text : JSON.stringify(value)}`)
  }
  return `{${members.join(',')}}`
}

/** The body that sends an event. */
export const eventBody = (event: {
  type: string
  source: string
  payload: unknown
  payload_text?: string | undefined
}): string => {
  const { type, source, payload, payload_text } = event
  return writeKeepingTexts({ type, source, payload, payload_text })
}

// An object or array that is open, and where in it the text is; null: a name comes next.
interface Open {
  of: Record<string | number, unknown>
  at: string | number | null
}

/** Walks over the text beside its value. The JSON is valid. */
function keepTexts(json: string, root: unknown): void {
  const open: Open[] = [{ of: [root] as never, at: 0 }]
  for (let i = 0, top = open[0]; i < json.length && top; i++) {
    const c = json[i]
    if (c === '"') {
      const end = skipString(json, i)
      top.at ??= JSON.parse(json.slice(i, end)) as string
      i = end - 1
    } else if (c === ',') {
      top.at = typeof top.at === 'number' ? top.at + 1 : null
    } else if (c === '}' || c === ']') {
      open.pop()
      top = open[open.length - 1]
    } else if (c === '{' || c === '[') {
      const child = top.of[top.at ?? 0] as Open['of']
      if (c === '{' && KEPT.includes(top.at as string)) {
        const end = skipNested(json, i)
        keepText(top.of, top.at as string, json.slice(i, end))
        i = end - 1
      } else {
        open.push((top = { of: child, at: c === '[' ? 0 : null }))
      }
    }
  }
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

/** Where the string that begins here ends. Without a pattern: a long text would be too deep for some engines. */
export function skipString(json: string, start: number): number {
  for (let at = json.indexOf('"', start + 1); at >= 0; at = json.indexOf('"', at + 1)) {
    let first = at
    while (json[first - 1] === '\\') first--
    if ((at - first) % 2 === 0) return at + 1
  }
  return json.length
}

/** Where the object or array that begins here ends, without recursion. */
export function skipNested(json: string, start: number): number {
  for (let at = start, depth = 0; at < json.length; at++) {
    const c = json[at]
    if (c === '"') at = skipString(json, at) - 1
    else if (c === '{' || c === '[') depth++
    else if ((c === '}' || c === ']') && --depth === 0) return at + 1
  }
  return json.length
}
