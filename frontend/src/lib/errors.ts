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

// The errors that no close code tells of.
export const NO_PONG: ConnectionError = { kind: 'heartbeat', message: 'The server stopped answering.' }
export const NO_ANSWER: ConnectionError = { kind: 'timeout', message: 'The server did not answer in time.' }
export const NO_TOKEN: ConnectionError = { kind: 'auth', message: 'No token could be obtained.' }
export const TOKEN_LATE: ConnectionError = { kind: 'timeout', message: 'getToken gave no token in time.' }
export const BAD_URL: ConnectionError = { kind: 'config', message: 'The WebSocket URL is not usable.' }
export const NO_WEBSOCKET: ConnectionError = {
  kind: 'config',
  message:
    'There is no WebSocket here: pass one, new SocketClient(options, { WebSocket }), as of the package ws.',
}

/** All attempts failed; names the cause of the last one. */
export function exhaustedError(attempts: number, cause: ConnectionError): ConnectionError {
  return {
    ...cause,
    kind: 'exhausted',
    message: `Gave up after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'} to reconnect. ${cause.message}`,
  }
}
