import type { Draft } from './machine'

// The deadline counts from the ping it belongs to, never from the last frame; any inbound frame clears it.

/** Begins, or goes on after stopBeating; asks at once when nothing was heard for longer than the interval. */
export function startBeating(d: Draft): void {
  const { m, now, settings } = d
  if (m.due.ping !== undefined || settings.heartbeatInterval <= 0) return
  m.due.ping = now + settings.heartbeatInterval
  if (now - m.heardAt > settings.heartbeatInterval) probe(d)
}

/** Asks for no more signs of life. */
export function stopBeating({ m }: Draft): void {
  delete m.due.ping
  delete m.due.pong
}

/** Asks now, unless an answer is already due. */
export function probe(d: Draft): void {
  if (d.m.due.pong !== undefined || d.settings.heartbeatInterval <= 0) return
  d.m.doubted = false
  ask(d)
}

/** A frame came in, whatever it was. */
export function heard({ m, now }: Draft): void {
  m.heardAt = now
  delete m.due.pong
}

/**
 * The deadline passed without a sign of life; true: the link is dead. One that passed much too late says
 * that this tab slept, and that the pong may be waiting behind us: it is asked once more.
 */
export function deadlinePassed(d: Draft): boolean {
  if (d.m.doubted || d.now - d.m.askedAt < 2 * d.settings.heartbeatTimeout) return true
  d.m.doubted = true
  ask(d)
  return false
}

function ask({ m, now, settings, effects }: Draft): void {
  m.askedAt = now
  m.due.pong = now + settings.heartbeatTimeout
  effects.push({ do: 'ping' })
}
