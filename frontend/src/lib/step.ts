import { dial, drop, giveUp, halt, lost, show, startSeries, IMMEDIATE_GAP } from './attempts'
import { CloseCode, decideClose, RETRY } from './closeCodes'
import { closeError, errors } from './errors'
import { deadlinePassed, heard, probe, startBeating, stopBeating } from './heartbeat'
import { nextDeadline } from './machine'
import type { Deadline, Draft, Effect, Machine, MachineEvent, World } from './machine'
import { WebSocketState } from './messages'

/** A connection counts as good, and the attempts start from 0 again, after this long; milliseconds. */
const STABLE_AFTER = 5000

/** Event in, state and effects out; looks at nothing else and changes nothing it was given. */
export function step(before: Machine, event: MachineEvent, world: World): [Machine, Effect[]] {
  const draft: Draft = { ...world, m: { ...before, due: { ...before.due } }, effects: [] }
  setClock(draft)
  transition(draft, event)
  return [draft.m, draft.effects]
}

// With the clock set back, what was to come in five seconds still comes in five.
function setClock({ m, now }: Draft): void {
  const back = now - m.now
  m.now = now
  if (back >= 0) return
  for (const name of Object.keys(m.due) as Deadline[]) m.due[name] = m.due[name]! + back
  m.dialledAt += back
  m.heardAt += back
  m.askedAt += back
  m.advisedUntil += back
}

function transition(d: Draft, event: MachineEvent): void {
  const { m } = d
  switch (event.type) {
    case 'connect':
      return connect(d)
    case 'reconnect':
      return reconnect(d)
    case 'disconnect':
      return giveUp(d)
    case 'token':
      if (m.halted === 'error' || m.halted === 'exhausted') startSeries(d, IMMEDIATE_GAP)
      return
    case 'opened':
      m.link = 'open'
      if (!m.greets && d.settings.dialect !== 'v1') ready(d)
      return
    case 'session':
      return session(d, event.resumed)
    case 'heard':
      return heard(d)
    case 'advice':
      m.adviceMs = event.ms
      return
    case 'closed': {
      const decision = decideClose(event.code, event.reason)
      return lost(d, closeError(event.code, decision), decision, CloseCode.NORMAL, event.newToken)
    }
    case 'noToken':
      return lost(d, errors.noToken, RETRY)
    case 'badUrl':
      drop(d, CloseCode.NORMAL)
      return halt(d, 'error', errors.badUrl)
    case 'tick':
      return tick(d)
    case 'hidden':
      return stopBeating(d)
    case 'offline':
      // Offline does not mean dead: a socket may outlive a change of network.
      if (m.link === 'ready') probe(d)
      return
    case 'suspend':
      return suspend(d)
    case 'wake':
      return wake(d)
  }
}

function connect(d: Draft): void {
  if (d.m.wanted && !d.m.halted) return
  d.m.wanted = true
  startSeries(d, 0)
}

function reconnect(d: Draft): void {
  const { m } = d
  // A second click within the second would only undo the first.
  if (m.link !== 'none' && m.link !== 'ready' && d.now - m.dialledAt < IMMEDIATE_GAP) return
  m.wanted = true
  drop(d, CloseCode.REPLACED)
  m.advisedUntil = 0
  startSeries(d, IMMEDIATE_GAP)
}

function session(d: Draft, resumed: boolean): void {
  const { m } = d
  m.greeted = m.greets = true
  m.tokenRefused = false
  m.resumed = resumed
  if (m.link !== 'ready') ready(d)
}

function ready(d: Draft): void {
  const { m } = d
  m.link = 'ready'
  delete m.due.connect
  m.due.stable = d.now + STABLE_AFTER
  m.heardAt = d.now
  if (!d.hidden) startBeating(d)
  m.state = WebSocketState.CONNECTED
  m.error = null
  m.delay = 0
  if (!m.greeted) m.resumed = null
  d.effects.push({ do: 'ready', again: m.wasReady })
  m.wasReady = true
}

function tick(d: Draft): void {
  for (let at = nextDeadline(d.m); at <= d.now; at = nextDeadline(d.m)) {
    const name = (Object.keys(d.m.due) as Deadline[]).find((key) => d.m.due[key] === at)!
    delete d.m.due[name]
    whenDue[name](d)
  }
}

const whenDue: Record<Deadline, (d: Draft) => void> = {
  retry: dial,
  connect(d) {
    // Open, but without the greeting this server used to send: it may have been replaced by a plain one.
    if (d.m.link === 'open') d.m.greets = false
    lost(d, errors.connectTimeout, RETRY, CloseCode.CONNECT_TIMEOUT)
  },
  stable({ m }) {
    m.attempt = 0
    m.tokenRefused = false
  },
  ping(d) {
    d.m.due.ping = d.now + d.settings.heartbeatInterval
    probe(d)
  },
  pong(d) {
    if (deadlinePassed(d)) lost(d, errors.heartbeat, RETRY, CloseCode.HEARTBEAT_TIMEOUT)
  },
}

/** The page goes into the back/forward cache, where a socket cannot live; pageshow wakes it. */
function suspend(d: Draft): void {
  if (!d.m.wanted || d.m.halted) return
  drop(d, CloseCode.NORMAL)
  show(d, WebSocketState.RECONNECTING)
}

function wake(d: Draft): void {
  const { m } = d
  if (!m.wanted || m.halted === 'error' || m.halted === 'stopped') return
  if (m.link === 'ready') {
    if (!d.hidden) startBeating(d)
    return
  }
  if (m.link !== 'none' && d.now - m.dialledAt <= d.settings.connectTimeout) return
  drop(d, CloseCode.CONNECT_TIMEOUT)
  startSeries(d, IMMEDIATE_GAP)
}
