/** What a close means for the client. */
export interface CloseDecision {
  /** Try again. */
  retry: boolean
  /** The token was not accepted: a new one is worth one try. */
  refreshToken: boolean
  /** The wait the server advises, milliseconds; it wins over the backoff. */
  retryAfterMs?: number | undefined
  /** The stable word of the reason, where there is one. */
  word?: string | undefined
}

/** An ordinary loss. */
export const RETRY: CloseDecision = { retry: true, refreshToken: false }

/** The codes this library closes with; browsers allow 1000 and 3000–4999, the protocol gives us 4000–4099. */
export const CloseCode = {
  NORMAL: 1000,
  HEARTBEAT_TIMEOUT: 4000,
  CONNECT_TIMEOUT: 4001,
  REPLACED: 4002,
} as const

/** No advice counts for more than this, milliseconds: setTimeout fires at once above 2^31. */
export const MAX_RETRY_AFTER_MS = 3_600_000

const RETRIED = new Set([1001, 1005, 1006, 1011, 1012, 1013, 1014, 4408, 4429])
const REASON = /^([a-z][a-z0-9_]*)?(?:(?:^|\s+)retry_after_ms=(\d{1,12}))?$/

/** Decides by close code and reason (`word` or `word retry_after_ms=NNN`): section 8 of the protocol. */
export function decideClose(code: number, reason = ''): CloseDecision {
  const refreshToken = code === 4401
  const retry = refreshToken || RETRIED.has(code) || (code >= 4500 && code <= 4599)
  const [, word, after] = REASON.exec(reason.trim()) ?? []
  return {
    retry,
    refreshToken,
    retryAfterMs: retry && after ? Math.min(Number(after), MAX_RETRY_AFTER_MS) : undefined,
    word,
  }
}
