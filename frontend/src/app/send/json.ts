/** Where a text stops being JSON, and why; line and column count from 1. */
export interface JsonFault {
  line: number
  column: number
  reason: string
}

class Fault extends Error {
  constructor(
    readonly at: number,
    reason: string,
  ) {
    super(reason)
  }
}

const LITERAL = /-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?|true|false|null/y
// JSON itself forbids these control characters in a string.
// eslint-disable-next-line no-control-regex
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const SPACE = /[ \t\n\r]*/y

/** Browsers word and place the error of JSON.parse each in their own way, so this finds it itself. */
class Scanner {
  private at = 0
  constructor(private readonly text: string) {}

  document(): void {
    this.value()
    this.space()
    if (this.at < this.text.length) this.fail('there is more text after the end of the value')
  }

  private value(): void {
    this.space()
    const c = this.text[this.at]
    if (c === '{') this.object()
    else if (c === '[') this.array()
    else if (c === '"') this.string()
    else if (!this.eat(LITERAL))
      this.fail(c === undefined ? 'a value is missing' : `${shown(c)} cannot begin a value`)
  }

  private object(): void {
    this.list('}', () => {
      this.space()
      if (this.text[this.at] !== '"') this.fail('a name in double quotes is missing')
      this.string()
      this.space()
      if (this.text[this.at] !== ':') this.fail('a colon is missing')
      this.at++
      this.value()
    })
  }

  private array(): void {
    this.list(']', () => this.value())
  }

  private list(end: string, item: () => void): void {
    this.at++
    this.space()
    if (this.text[this.at] === end) return void this.at++
    for (;;) {
      item()
      this.space()
      const c = this.text[this.at]
      if (c !== ',' && c !== end) this.fail(`a comma or ${end} is missing`)
      this.at++
      if (c === end) return
    }
  }

  private string(): void {
    if (!this.eat(STRING)) this.fail('this string has no end, or a character that has to be escaped')
  }

  private space(): void {
    this.eat(SPACE)
  }

  private eat(pattern: RegExp): boolean {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text)
    if (!found) return false
    this.at += found[0].length
    return true
  }

  private fail(reason: string): never {
    throw new Fault(this.at, reason)
  }
}

const shown = (c: string) => (c === "'" ? 'a single quote' : `"${c}"`)

/** The first fault of a text as JSON; null: it is JSON. */
export function jsonFault(text: string): JsonFault | null {
  try {
    new Scanner(text).document()
    return null
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const before = text.slice(0, error.at).split('\n')
    return {
      line: before.length,
      column: (before[before.length - 1]?.length ?? 0) + 1,
      reason: error.message,
    }
  }
}
