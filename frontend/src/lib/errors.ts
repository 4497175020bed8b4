import type { CloseDecision } from './closeCodes'
import type { ConnectionError } from './store'

const WORDS: Readonly<Record<number, string>> = {
  1006: 'The connection was lost or could not be made.',
  1012: 'The server is restarting.',
  1013: 'The server is overloaded.',
  4401: 'The server did not accept the token.',
  4403: 'Access is not allowed.',
  4429: 'Too many connections or messages.',
}

/** Says in words what a close meant. Of the reason only its one word is used: it may hold anything. */
export function closeError(code: number, decision: CloseDecision): ConnectionError {
  const words =
    WORDS[code] ?? (decision.retry ? 'The connection was closed.' : 'The server refused the connection.')
  const detail = decision.word === undefined ? String(code) : `${code} ${decision.word}`
  return {
    kind: code === 4401 || code === 4403 ? 'auth' : decision.retry ? 'transport' : 'refused',
    message: `${words} (${detail})`,
    code,
  }
}

/** The errors that no close code tells of. */
export const errors = {
  heartbeat: { kind: 'heartbeat', message: 'The server stopped answering.' },
  connectTimeout: { kind: 'timeout', message: 'The server did not answer in time.' },
  noToken: { kind: 'auth', message: 'No token could be obtained.' },
  badUrl: { kind: 'config', message: 'The WebSocket URL is not usable.' },
} satisfies Record<string, ConnectionError>

/** All attempts failed; names the cause of the last one. */
export function exhaustedError(attempts: number, cause: ConnectionError): ConnectionError {
  return {
    ...cause,
    kind: 'exhausted',
    message: `Gave up after ${attempts} attempts to reconnect. ${cause.message}`,
  }
}
