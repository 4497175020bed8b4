import { dial, drop, giveUp, halt, lost, show, startSeries, IMMEDIATE_GAP } from './attempts'
import { CloseCode, decideClose, RETRY } from './closeCodes'
import { closeError, errors } from './errors'
import { deadlinePassed, heard, probe, startBeating, stopBeating } from './heartbeat'
import { nextDeadline } from './machine'
import type { Deadline, Draft, Machine, MachineEvent, World } from './machine'
import { WebSocketState } from './messages'

/** A connection counts as good, and the attempts start from 0 again, after this long; milliseconds. */
const STABLE_AFTER = 5000

/** Event in, state and effects out; looks at nothing else and changes nothing it was given. */
export function step(before: Machine, event: MachineEvent, world: World): Draft {
  const draft: Draft = { ...before, ...world, due: { ...before.due }, effects: [] }
  setClock(draft, before.now)
  transition(draft, event)
  return draft
}

// With the clock set back, what was to come in five seconds still comes in five.
function setClock(m: Draft, last: number): void {
  const back = m.now - last
  if (back >= 0) return
  for (const name of Object.keys(m.due) as Deadline[]) m.due[name] = m.due[name]! + back
  m.dialledAt += back
  m.heardAt += back
  m.askedAt += back
  m.advisedUntil += back
}

function transition(m: Draft, event: MachineEvent): void {
  switch (event.type) {
    case 'connect':
      return connect(m)
    case 'reconnect':
      return reconnect(m)
    case 'disconnect':
      return giveUp(m)
    case 'token':
      if (m.halted === 'error' || m.halted === 'exhausted') startSeries(m, IMMEDIATE_GAP)
      return
    case 'opened':
      m.link = 'open'
      if (!m.greets && m.settings.dialect !== 'v1') ready(m)
      return
    case 'session':
      return session(m, event.resumed)
    case 'heard':
      return heard(m)
    case 'advice':
      m.adviceMs = event.ms
      return
    case 'closed': {
      const decision = decideClose(event.code, event.reason)
      // The same token would be refused once more.
      if (decision.refreshToken && !event.newToken) decision.retry = false
      return lost(m, closeError(event.code, decision), decision)
    }
    case 'noToken':
      return lost(m, errors.noToken, RETRY)
    case 'badUrl':
      drop(m, CloseCode.NORMAL)
      return halt(m, 'error', errors.badUrl)
    case 'tick':
      return tick(m)
    case 'hidden':
      return stopBeating(m)
    case 'offline':
      // Offline does not mean dead: a socket may outlive a change of network.
      if (m.link === 'ready') probe(m)
      return
    case 'suspend':
      return suspend(m)
    case 'wake':
      return wake(m)
  }
}

function connect(m: Draft): void {
  if (m.wanted && !m.halted) return
  m.wanted = true
  startSeries(m, 0)
}

function reconnect(m: Draft): void {
  // A second click within the second would only undo the first.
  if (m.link !== 'none' && m.link !== 'ready' && m.now - m.dialledAt < IMMEDIATE_GAP) return
  m.wanted = true
  drop(m, CloseCode.REPLACED)
  m.advisedUntil = 0
  startSeries(m, IMMEDIATE_GAP)
}

function session(m: Draft, resumed: boolean): void {
  m.greeted = m.greets = true
  m.tokenRefused = false
  m.resumed = resumed
  if (m.link !== 'ready') ready(m)
}

function ready(m: Draft): void {
  m.link = 'ready'
  delete m.due.connect
  m.due.stable = m.now + STABLE_AFTER
  m.heardAt = m.now
  if (!m.hidden) startBeating(m)
  show(m, WebSocketState.CONNECTED, null)
  if (!m.greeted) m.resumed = null
  m.effects.push({ do: 'ready', again: m.wasReady })
  m.wasReady = true
}

function tick(m: Draft): void {
  for (let at = nextDeadline(m); at <= m.now; at = nextDeadline(m)) {
    const name = (Object.keys(m.due) as Deadline[]).find((key) => m.due[key] === at)!
    delete m.due[name]
    whenDue[name](m)
  }
}

const whenDue: Record<Deadline, (m: Draft) => void> = {
  retry: dial,
  connect(m) {
    // Open, but without the greeting this server used to send: it may have been replaced by a plain one.
    if (m.link === 'open') m.greets = false
    lost(m, errors.connectTimeout, RETRY, CloseCode.CONNECT_TIMEOUT)
  },
  stable(m) {
    m.attempt = 0
    m.tokenRefused = false
  },
  ping(m) {
    m.due.ping = m.now + m.settings.heartbeatInterval
    probe(m)
  },
  pong(m) {
    if (deadlinePassed(m)) lost(m, errors.heartbeat, RETRY, CloseCode.HEARTBEAT_TIMEOUT)
  },
}

/** The page goes into the back/forward cache, where a socket cannot live; pageshow wakes it. */
function suspend(m: Draft): void {
  if (!m.wanted || m.halted) return
  drop(m, CloseCode.NORMAL)
  show(m, WebSocketState.RECONNECTING)
}

function wake(m: Draft): void {
  if (!m.wanted || m.halted === 'error' || m.halted === 'stopped') return
  if (m.link === 'ready') {
    if (!m.hidden) startBeating(m)
    return
  }
  if (m.link !== 'none' && m.now - m.dialledAt <= m.settings.connectTimeout) return
  drop(m, CloseCode.CONNECT_TIMEOUT)
  startSeries(m, IMMEDIATE_GAP)
}
