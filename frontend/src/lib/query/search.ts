// Whether an event holds a text, by the server's rules (protocol/vectors/search.json): values are compared,
// not spellings. Names, texts, numbers and words are looked at one by one.

import { skipString } from '../texts'

const WORD = /[\w.+-]+/y
// Half of a pair of surrogates is no character; the server reads it as U+FFFD.
const HALF = /\p{Surrogate}/gu

/** Looks for one text in many events. */
export class TextSearch {
  private readonly pattern: RegExp

  constructor(search: string) {
    // With i and u, JavaScript compares by Unicode's simple case folding.
    this.pattern = new RegExp(normal(search).replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'iu')
  }

  /** Whether a text holds it. */
  inText(text: string): boolean {
    return this.pattern.test(normal(text))
  }

  /** Whether a value of valid JSON holds it. Numbers are compared as they are written. */
  inJson(json: string): boolean {
    for (let at = 0; at < json.length;) {
      if (json[at] === '"') {
        const end = skipString(json, at)
        if (this.inText(JSON.parse(json.slice(at, end)) as string)) return true
        at = end
        continue
      }
      WORD.lastIndex = at
      const word = WORD.exec(json)?.[0]
      if (word && this.inText(word)) return true
      at += word?.length ?? 1
    }
    return false
  }
}

const normal = (text: string): string => text.replace(HALF, '\ufffd').normalize('NFC').replaceAll('\0', '')
