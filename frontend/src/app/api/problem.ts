import type { ApiProblem } from '../../lib/query/problem'

export { ApiProblem, asProblem, problemOf } from '../../lib/query/problem'
export type { FieldProblem } from '../../lib/query/problem'

/** Whether what was not found was there once. */
export const isDeleted = (problem: ApiProblem | null | undefined): boolean => !!problem?.deletedAt

/** What the reader can do about a problem. */
export function remedy(problem: ApiProblem): string {
  const wait = problem.retryAfter ? `in ${problem.retryAfter} s` : 'in a moment'
  switch (problem.status) {
    case 0:
      return 'Check that the server runs and that you are online, then try again.'
    case 401:
      return 'Sign in again.'
    case 403:
      return 'Your API key does not allow this. Sign in with a key that has the scope.'
    case 404:
      return isDeleted(problem) ? 'It was deleted.' : 'Look for a typing error, or it was deleted meanwhile.'
    case 409:
      return 'Change the event, or send it as a new one.'
    case 413:
      return 'Make the payload smaller: 256 KiB are allowed unless the server says otherwise.'
    case 400:
    case 422:
      return 'Correct what is named and try again.'
    case 429:
      return `Too many requests: try again ${wait}.`
    default:
      return problem.status >= 500 ? `The fault is the server's: try again ${wait}.` : ''
  }
}
