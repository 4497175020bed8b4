import { WebSocketState } from './messages'
import type { ConnectionError, ConnectionSnapshot } from './store'
import type { Settings, TokenReason } from './options'

/** Why no attempt is made although a connection is wanted. */
export type Halt = 'error' | 'exhausted' | 'stopped'

/** What falls due, each at its time: milliseconds since the epoch. @internal */
export interface Deadlines {
  retry?: number
  connect?: number
  stable?: number
  ping?: number
  pong?: number
}

/**
 * How one connection stands, whole: nothing else decides what happens next. What the application wants
 * (`wanted`) is kept apart from how things stand (`state`); page signals act only on the former.
 * @internal
 */
export interface Machine {
  state: WebSocketState
  wanted: boolean
  halted: Halt | null
  /** The present attempt: under way, open without the greeting it waits for, or usable. */
  link: 'none' | 'dialling' | 'open' | 'ready'
  attempt: number
  /** The wait chosen for the attempt ahead, milliseconds. */
  delay: number
  /** What the token of the attempt ahead is asked for with. */
  reason: TokenReason
  error: ConnectionError | null
  resumed: boolean | null
  due: Deadlines
  /** When the machine last looked at the clock. */
  now: number
  dialledAt: number
  heardAt: number
  askedAt: number
  /** A late deadline was forgiven once. */
  doubted: boolean
  /** No attempt before, whatever wakes us. */
  advisedUntil: number
  /** The present attempt waits for a token. */
  asking: boolean
  /** By a `reconnect` frame of this link. */
  adviceMs: number | undefined
  /** The last attempt was refused with 4401. */
  tokenRefused: boolean
  /** This server is known to greet; until it has, a connection is not usable. */
  greets: boolean
  /** It has, on this link. */
  greeted: boolean
  /** A connection was usable before. */
  wasReady: boolean
}

/** What happens to a connection. @internal */
export type MachineEvent =
  | { type: 'connect' | 'reconnect' | 'disconnect' | 'token' }
  | { type: 'gotToken' | 'opened' | 'heard' | 'tick' }
  | { type: 'session'; resumed: boolean }
  | { type: 'advice'; ms: number }
  | { type: 'closed'; code: number; reason: string; newToken: boolean }
  | { type: 'noToken' }
  | { type: 'badConfig'; error: ConnectionError }
  | { type: 'hidden' | 'wake' | 'offline' | 'suspend' }

/** What is to be done about it. @internal */
export interface Effects {
  /** Ask for a sign of life. */
  ping?: true
  /** Let go of the link, with this close code. */
  drop?: number
  dial?: true
  /** Tell that the usable connection is gone. */
  closed?: true
  /** Tell that the connection is usable; true: another one was before it. */
  ready?: boolean
}

/** What a step may look at besides the machine. @internal */
export interface World {
  now: number
  random: () => number
  hidden: boolean
  settings: Settings
}

/** A step under way: the machine as it may still change, and what is to be done. @internal */
export interface Draft extends Machine, World {
  effects: Effects
}

/** The machine before the first event. */
export function initialMachine(state: WebSocketState = WebSocketState.DISCONNECTED): Machine {
  return {
    state,
    wanted: false,
    halted: null,
    link: 'none',
    attempt: 0,
    delay: 0,
    reason: 'connect',
    error: null,
    resumed: null,
    due: {},
    now: -Infinity,
    dialledAt: -Infinity,
    heardAt: 0,
    askedAt: 0,
    doubted: false,
    advisedUntil: 0,
    asking: false,
    adviceMs: undefined,
    tokenRefused: false,
    greets: false,
    greeted: false,
    wasReady: false,
  }
}

/** When the machine wants its next `tick`; Infinity: never. */
export function nextDeadline(m: Machine): number {
  return Math.min(...(Object.values(m.due) as number[]), Infinity)
}

/** What of the machine is shown. */
export function snapshotOf(m: Machine): ConnectionSnapshot {
  return {
    state: m.state,
    reconnectAttempt: m.attempt,
    reconnectDelay: m.delay,
    nextRetryAt: m.due.retry ?? null,
    lastError: m.error,
    resumed: m.resumed,
  }
}
