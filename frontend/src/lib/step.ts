import { dial, drop, halt, lost, show, startSeries, waitForAnswer, IMMEDIATE_GAP } from './attempts'
import { CloseCode, decideClose, MAX_RETRY_AFTER_MS, RETRY } from './closeCodes'
import { closeError, NO_ANSWER, NO_PONG, NO_TOKEN, TOKEN_LATE } from './errors'
import { deadlinePassed, probe, startBeating } from './heartbeat'
import { nextDeadline } from './machine'
import type { Deadlines, Draft, Machine, MachineEvent, World } from './machine'
import { WebSocketState } from './messages'

/** A connection counts as good, and the attempts start from 0 again, after this long; milliseconds. */
const STABLE_AFTER = 5000

/** Event in, state and effects out; looks at nothing else and changes nothing it was given. */
export function step(before: Machine, event: MachineEvent, world: World): Draft {
  const draft: Draft = { ...before, ...world, due: { ...before.due }, effects: {} }
  setClock(draft, before.now)
  const transition = transitions[event.type] as (m: Draft, event: MachineEvent) => void
  transition(draft, event)
  return draft
}

// With the clock set back, what was to come in five seconds still comes in five.
function setClock(m: Draft, last: number): void {
  const back = m.now - last
  if (back >= 0) return
  for (const name of Object.keys(m.due) as (keyof Deadlines)[]) m.due[name] = m.due[name]! + back
  m.dialledAt += back
  m.heardAt += back
  m.askedAt += back
  m.advisedUntil += back
}

type Transitions = {
  [T in MachineEvent['type']]: (m: Draft, event: Extract<MachineEvent, { type: T }>) => void
}

const transitions: Transitions = {
  connect(m) {
    if (m.wanted && !m.halted) return
    m.wanted = true
    startSeries(m, 0)
  },
  reconnect(m) {
    // A second click within the second would only undo the first.
    if (m.link !== 'none' && m.link !== 'ready' && m.now - m.dialledAt < IMMEDIATE_GAP) return
    m.wanted = true
    drop(m, CloseCode.REPLACED)
    m.advisedUntil = 0
    startSeries(m, IMMEDIATE_GAP)
  },
  disconnect(m) {
    m.wanted = false
    m.halted = null
    drop(m, CloseCode.NORMAL)
    m.attempt = 0
    m.advisedUntil = 0
    m.resumed = null
    show(m, WebSocketState.DISCONNECTED, null)
  },
  token(m) {
    if (m.halted === 'error' || m.halted === 'exhausted') startSeries(m, IMMEDIATE_GAP)
  },
  // What the token took is not the server's.
  gotToken(m) {
    m.asking = false
    waitForAnswer(m)
  },
  opened(m) {
    m.link = 'open'
    if (!m.greets && m.settings.dialect !== 'v1') ready(m)
  },
  session(m, { resumed }) {
    m.greeted = m.greets = true
    m.tokenRefused = false
    m.resumed = resumed
    if (m.link !== 'ready') ready(m)
  },
  heard(m) {
    m.heardAt = m.now
    delete m.due.pong
  },
  advice(m, { ms }) {
    m.adviceMs = Math.min(ms, MAX_RETRY_AFTER_MS)
  },
  closed(m, { code, reason, newToken }) {
    const decision = decideClose(code, reason)
    // The same token would be refused once more.
    if (decision.refreshToken && !newToken) decision.retry = false
    lost(m, closeError(code, decision), decision)
  },
  noToken: (m) => lost(m, NO_TOKEN, RETRY),
  badConfig(m, { error }) {
    drop(m, CloseCode.NORMAL)
    halt(m, 'error', error)
  },
  tick(m) {
    for (let at = nextDeadline(m); at <= m.now; at = nextDeadline(m)) {
      const name = (Object.keys(m.due) as (keyof Deadlines)[]).find((key) => m.due[key] === at)!
      delete m.due[name]
      whenDue[name](m)
    }
  },
  hidden(m) {
    delete m.due.ping
    delete m.due.pong
  },
  offline(m) {
    // Offline does not mean dead: a socket may outlive a change of network.
    if (m.link === 'ready') probe(m)
  },
  /** The page goes into the back/forward cache, where a socket cannot live; pageshow wakes it. */
  suspend(m) {
    if (!m.wanted || m.halted) return
    drop(m, CloseCode.NORMAL)
    show(m, WebSocketState.RECONNECTING)
  },
  wake(m) {
    if (!m.wanted || m.halted === 'error' || m.halted === 'stopped') return
    if (m.link === 'ready') {
      if (!m.hidden) startBeating(m)
      return
    }
    // An attempt has its time; one whose time is over while timers slept is given up.
    if (m.due.connect! >= m.now) return
    drop(m, CloseCode.CONNECT_TIMEOUT)
    startSeries(m, IMMEDIATE_GAP)
  },
}

const whenDue: { [D in keyof Required<Deadlines>]: (m: Draft) => void } = {
  retry: dial,
  connect(m) {
    // Open, but without the greeting this server used to send: it may have been replaced by a plain one.
    if (m.link === 'open') m.greets = false
    lost(m, m.asking ? TOKEN_LATE : NO_ANSWER, RETRY, CloseCode.CONNECT_TIMEOUT)
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
    if (deadlinePassed(m)) lost(m, NO_PONG, RETRY, CloseCode.HEARTBEAT_TIMEOUT)
  },
}

function ready(m: Draft): void {
  m.link = 'ready'
  delete m.due.connect
  m.due.stable = m.now + STABLE_AFTER
  m.heardAt = m.now
  if (!m.hidden) startBeating(m)
  show(m, WebSocketState.CONNECTED, null)
  if (!m.greeted) m.resumed = null
  m.effects.ready = m.wasReady
  m.wasReady = true
}
