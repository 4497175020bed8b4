/** How long to wait between attempts. */
export interface BackoffOptions {
  /** Milliseconds. */
  initialReconnectDelay: number
  /** Milliseconds; bounds the delay before the jitter is added. */
  maxReconnectDelay: number
  /** 'guide' adds 0–1000 ms; 'full' takes anything from 0 to the delay, which spreads a crowd best. */
  jitter?: 'guide' | 'full'
}

/**
 * The wait before reconnecting, whole milliseconds:
 * min(maxReconnectDelay, initialReconnectDelay · 2^attempt) + random(0–1000). attempt counts from 0.
 */
export function backoffDelay(attempt: number, options: BackoffOptions, random: () => number): number {
  const delay = Math.min(options.maxReconnectDelay, options.initialReconnectDelay * 2 ** attempt)
  if (options.jitter === 'full') return Math.round(delay * random())
  return Math.round(delay + 1000 * random())
}
