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
export function startSeries(d: Draft, gap: number): void {
  const { m } = d
  const goesOn = m.state === WebSocketState.CONNECTED || m.state === WebSocketState.RECONNECTING
  // Ten attempts that all failed may mean a server that no longer takes what it took: assume nothing.
  if (m.halted === 'exhausted') m.greets = false
  m.halted = null
  m.attempt = 0
  m.tokenRefused = false
  show(d, goesOn ? WebSocketState.RECONNECTING : WebSocketState.CONNECTING)
  dialSoon(d, gap, goesOn ? 'reconnect' : 'connect')
}

function dialSoon(d: Draft, gap: number, reason: TokenReason): void {
  const { m, now } = d
  const wait = Math.max(m.dialledAt + gap, m.advisedUntil) - now
  m.reason = reason
  if (wait > 0) dialAfter(d, wait)
  else dial(d)
}

function dialAfter({ m, now }: Draft, delay: number): void {
  m.delay = delay
  m.due.retry = now + delay
}

/** Dials now. */
export function dial(d: Draft): void {
  const { m, now } = d
  delete m.due.retry
  m.advisedUntil = 0
  m.dialledAt = now
  m.link = 'dialling'
  m.due.connect = now + d.settings.connectTimeout
  d.effects.push({ do: 'dial', reason: m.reason })
}

/** The link is gone or not to be trusted: decides whether, when and with what to try again. */
export function lost(
  d: Draft,
  error: ConnectionError,
  decision: CloseDecision,
  code: number = CloseCode.NORMAL,
  newToken = false,
): void {
  const { adviceMs } = d.m
  drop(d, code)
  if (decision.refreshToken) retryWithNewToken(d, error, newToken)
  else if (!decision.retry) halt(d, 'error', error)
  else retry(d, error, decision.retryAfterMs ?? adviceMs)
}

function retryWithNewToken(d: Draft, error: ConnectionError, newToken: boolean): void {
  if (d.m.tokenRefused || !newToken || !d.settings.reconnect) return halt(d, 'error', error)
  d.m.tokenRefused = true
  show(d, WebSocketState.RECONNECTING, error)
  dialSoon(d, IMMEDIATE_GAP, 'unauthorized')
}

function retry(d: Draft, error: ConnectionError, adviceMs: number | undefined): void {
  const { m, settings } = d
  if (!settings.reconnect) return halt(d, 'stopped', error)
  if (m.attempt >= settings.maxReconnectAttempts) {
    return halt(d, 'exhausted', exhaustedError(m.attempt, error))
  }
  const delay = adviceMs ?? backoffDelay(m.attempt, settings, d.random)
  m.attempt++
  m.reason = 'reconnect'
  show(d, WebSocketState.RECONNECTING, error)
  dialAfter(d, delay)
  if (adviceMs !== undefined) m.advisedUntil = d.now + adviceMs
}

/** Stops trying. */
export function halt(d: Draft, why: Halt, error: ConnectionError): void {
  d.m.halted = why
  show(d, why === 'error' ? WebSocketState.ERROR : WebSocketState.DISCONNECTED, error)
}

/** Wants no connection, and leaves nothing of the one there was. */
export function giveUp(d: Draft): void {
  const { m } = d
  m.wanted = false
  m.halted = null
  drop(d, CloseCode.NORMAL)
  m.attempt = 0
  m.advisedUntil = 0
  m.resumed = null
  show(d, WebSocketState.DISCONNECTED, null)
}

/** Lets go of link and deadlines. */
export function drop({ m, effects }: Draft, code: number): void {
  if (m.link !== 'none') effects.push({ do: 'drop', code })
  if (m.link === 'ready') effects.push({ do: 'closed' })
  m.link = 'none'
  m.due = {}
  m.greeted = false
  m.adviceMs = undefined
}

/** Says how things stand; the error stays as it was unless one is given. */
export function show({ m }: Draft, state: WebSocketState, error = m.error): void {
  m.state = state
  m.delay = 0
  m.error = error
}
