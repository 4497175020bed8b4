import { asProblem } from '../api/problem'

/**
 * Whether the same key may be sent again. After a refusal the event has to change, and with it the key; after
 * a lost answer the key makes sure that the event is stored once.
 */
export function keepsKey(error: unknown): boolean {
  const { status } = asProblem(error)
  return status === 0 || status === 429 || status >= 500
}
