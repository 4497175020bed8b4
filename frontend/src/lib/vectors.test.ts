import { readdirSync, readFileSync } from 'node:fs'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { runScript } from '../test/vectors'
import type { Script } from '../test/vectors'
import { backoffDelay } from './backoff'
import { decideClose } from './closeCodes'
import { qualityLevel } from './quality'
import { TextSearch } from './query/search'

const FOLDER = '../protocol/vectors'

interface Backoff {
  attempt: number
  initial_reconnect_delay_ms: number
  max_reconnect_delay_ms: number
  jitter: 'guide' | 'full'
  random: number
  delay_ms: number
}
interface Close {
  code: number
  reason: string
  retry: boolean
  refresh_token: boolean
  retry_after_ms: number | null
  word: string | null
}
interface Quality {
  rtt_ms: number
  jitter_ms: number
  missed_pongs: number
  level: string
}
interface Search {
  search: string
  payload: string
  match: boolean
}
type Named<C> = { name: string } & C
type VectorFile =
  | { kind: 'backoff'; cases: Named<Backoff>[] }
  | { kind: 'close'; cases: Named<Close>[] }
  | { kind: 'quality'; cases: Named<Quality>[] }
  | { kind: 'script'; cases: Named<Script>[] }
  | { kind: 'search'; cases: Named<Search>[] }

afterEach(() => vi.useRealTimers())

function backoff(c: Backoff): void {
  const { initial_reconnect_delay_ms: initialReconnectDelay, max_reconnect_delay_ms: maxReconnectDelay } = c
  const options = { initialReconnectDelay, maxReconnectDelay, jitter: c.jitter }
  expect(backoffDelay(c.attempt, options, () => c.random)).toBe(c.delay_ms)
}

function close(c: Close): void {
  const { retry, refreshToken, retryAfterMs = null, word = null } = decideClose(c.code, c.reason)
  expect({ retry, refresh_token: refreshToken, retry_after_ms: retryAfterMs, word }).toEqual({
    retry: c.retry,
    refresh_token: c.refresh_token,
    retry_after_ms: c.retry_after_ms,
    word: c.word,
  })
}

function runCases(file: VectorFile): void {
  switch (file.kind) {
    case 'backoff':
      return test.each(file.cases)('$name', backoff)
    case 'close':
      return test.each(file.cases)('$name', close)
    case 'quality':
      return test.each(file.cases)('$name', (c) => {
        expect(qualityLevel(c.rtt_ms, c.jitter_ms, c.missed_pongs)).toBe(c.level)
      })
    case 'script':
      return test.each(file.cases)('$name', runScript)
    case 'search':
      return test.each(file.cases)('$name', (c) => {
        expect(new TextSearch(c.search).inJson(c.payload)).toBe(c.match)
      })
    default:
      throw new Error(`this side does not know the kind of ${JSON.stringify(file)}`)
  }
}

describe.each(readdirSync(FOLDER).filter((name) => name !== 'README.md'))('vectors %s', (name) => {
  runCases(JSON.parse(readFileSync(`${FOLDER}/${name}`, 'utf8')) as VectorFile)
})
