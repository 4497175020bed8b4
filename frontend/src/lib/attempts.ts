import { backoffDelay } from './backoff'
import { CloseCode } from './closeCodes'
import type { CloseDecision } from './closeCodes'
import { exhaustedError } from './errors'
import type { Draft, Halt } from './machine'
import { WebSocketState } from './messages'
import type { TokenReason } from './options'
import type { ConnectionError } from './store'

/** Between two attempts that no backoff keeps apart; milliseconds. */
export const IMMEDIATE_GAP = 1000

/** Begins to dial with a fresh count, gap milliseconds after the last attempt at the soonest. */
export function startSeries(m: Draft, gap: number): void {
  const goesOn = m.state === WebSocketState.CONNECTED || m.state === WebSocketState.RECONNECTING
  // Ten attempts that all failed may mean a server that no longer takes what it took: assume nothing.
  if (m.halted === 'exhausted') m.greets = false
  m.halted = null
  m.attempt = 0
  m.tokenRefused = false
  show(m, goesOn ? WebSocketState.RECONNECTING : WebSocketState.CONNECTING)
  dialSoon(m, gap, goesOn ? 'reconnect' : 'connect')
}

function dialSoon(m: Draft, gap: number, reason: TokenReason): void {
  const wait = Math.max(m.dialledAt + gap, m.advisedUntil) - m.now
  m.reason = reason
  if (wait > 0) dialAfter(m, wait)
  else dial(m)
}

function dialAfter(m: Draft, delay: number): void {
  m.delay = delay
  m.due.retry = m.now + delay
}

/** Dials now. */
export function dial(m: Draft): void {
  delete m.due.retry
  m.advisedUntil = 0
  m.adviceMs = undefined
  m.dialledAt = m.now
  m.link = 'dialling'
  m.asking = m.settings.getToken !== undefined
  m.effects.dial = true
  waitForAnswer(m)
}

/** Gives the attempt its time. */
export function waitForAnswer(m: Draft): void {
  const { connectTimeout } = m.settings
  m.due.connect = connectTimeout > 0 ? m.now + connectTimeout : Infinity
}

/** The link is gone or not to be trusted: decides whether, when and with what to try again. */
export function lost(
  m: Draft,
  error: ConnectionError,
  decision: CloseDecision,
  code: number = CloseCode.NORMAL,
): void {
  drop(m, code)
  if (!decision.retry) halt(m, 'error', error)
  else if (decision.refreshToken) retryWithNewToken(m, error)
  else retry(m, error, decision.retryAfterMs ?? m.adviceMs)
}

function retryWithNewToken(m: Draft, error: ConnectionError): void {
  if (m.tokenRefused || !m.settings.reconnect) return halt(m, 'error', error)
  m.tokenRefused = true
  show(m, WebSocketState.RECONNECTING, error)
  dialSoon(m, IMMEDIATE_GAP, 'unauthorized')
}

function retry(m: Draft, error: ConnectionError, adviceMs: number | undefined): void {
  const { settings } = m
  if (!settings.reconnect) return halt(m, 'stopped', error)
  if (m.attempt >= settings.maxReconnectAttempts) {
    return halt(m, 'exhausted', exhaustedError(m.attempt, error))
  }
  const delay = adviceMs ?? backoffDelay(m.attempt, settings, m.random)
  m.attempt++
  m.reason = 'reconnect'
  show(m, WebSocketState.RECONNECTING, error)
  dialAfter(m, delay)
  if (adviceMs !== undefined) m.advisedUntil = m.now + adviceMs
}

/** Stops trying. */
export function halt(m: Draft, why: Halt, error: ConnectionError): void {
  m.halted = why
  show(m, why === 'error' ? WebSocketState.ERROR : WebSocketState.DISCONNECTED, error)
}

/** Lets go of link and deadlines. */
export function drop(m: Draft, code: number): void {
  if (m.link !== 'none') m.effects.drop = code
  if (m.link === 'ready') m.effects.closed = true
  // An attempt that ends in the step that makes it is none.
  delete m.effects.dial
  m.link = 'none'
  m.due = {}
  m.greeted = false
}

/** Says how things stand; the error stays as it was unless one is given. */
export function show(m: Draft, state: WebSocketState, error = m.error): void {
  m.state = state
  m.delay = 0
  m.error = error
}
