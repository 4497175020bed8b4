import type { Draft } from './machine'
import type { Settings } from './options'

// The deadline counts from the ping it belongs to, never from the last frame; any inbound frame clears it.

const isOff = (s: Settings) => s.heartbeatInterval <= 0 || s.heartbeatTimeout <= 0

/** Begins, or goes on after a tab was hidden; asks at once when nothing was heard for longer than the interval. */
export function startBeating(m: Draft): void {
  if (m.due.ping !== undefined || isOff(m.settings)) return
  m.due.ping = m.now + m.settings.heartbeatInterval
  if (m.now - m.heardAt > m.settings.heartbeatInterval) probe(m)
}

/** Asks now, unless an answer is already due. */
export function probe(m: Draft): void {
  if (m.due.pong !== undefined || isOff(m.settings)) return
  m.doubted = false
  ask(m)
}

/**
 * The deadline passed without a sign of life; true: the link is dead. One that passed much too late says
 * that this tab slept, and that the pong may be waiting behind us: it is asked once more.
 */
export function deadlinePassed(m: Draft): boolean {
  if (m.doubted || m.now - m.askedAt < 2 * m.settings.heartbeatTimeout) return true
  m.doubted = true
  ask(m)
  return false
}

function ask(m: Draft): void {
  m.askedAt = m.now
  m.due.pong = m.now + m.settings.heartbeatTimeout
  m.effects.ping = true
}
