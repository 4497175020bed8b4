import { expect, test } from 'vitest'
import { initialMachine, nextDeadline } from './machine'
import type { Machine, MachineEvent, World } from './machine'
import { withDefaults } from './options'
import type { SocketOptions } from './options'
import { step } from './step'

/** An event, or its type where that is all there is to it; a number lets that many milliseconds pass before. */
type Move = MachineEvent | 'connect' | 'opened' | 'wake' | 'hidden' | 'offline' | 'suspend' | number

const closed = (code: number, reason = '', newToken = false): MachineEvent => ({
  type: 'closed',
  code,
  reason,
  newToken,
})
const session: MachineEvent = { type: 'session', resumed: true }

/** Plays moves from the start; time passes by the machine's own deadlines. */
function play(moves: Move[], options: SocketOptions = {}, hidden = false) {
  let machine: Machine = initialMachine()
  let effects: string[] = []
  const world: World = { now: 1000, random: () => 0, hidden, settings: withDefaults(options) }
  const run = (event: MachineEvent) => {
    const next = step(machine, event, world)
    machine = next
    effects = [...effects, ...Object.keys(next.effects)]
  }
  const pass = (ms: number) => {
    const end = world.now + ms
    for (let at = nextDeadline(machine); at <= end; at = nextDeadline(machine)) {
      world.now = at
      run({ type: 'tick' })
    }
    world.now = end
  }
  for (const move of moves) {
    if (typeof move === 'number') pass(move)
    else run(typeof move === 'string' ? { type: move } : move)
  }
  return { machine, effects: effects.join(' ') }
}

const table: [about: string, moves: Move[], expected: Partial<Machine>, effects: string][] = [
  ['a first attempt', ['connect'], { state: 'connecting', link: 'dialling' } as Partial<Machine>, 'dial'],
  [
    'a connection without greeting',
    ['connect', 'opened'],
    { state: 'connected', resumed: null } as Partial<Machine>,
    'dial ready',
  ],
  [
    'a greeting is awaited where one came before',
    ['connect', 'opened', session, closed(1006), 1000, 'opened'],
    { state: 'reconnecting', link: 'open', attempt: 1 } as Partial<Machine>,
    'dial ready drop closed dial',
  ],
  [
    'a greeting that stays out costs one timeout, and is not awaited again',
    ['connect', 'opened', session, closed(1006), 1000, 'opened', 10_000, 2000, 'opened'],
    { state: 'connected', greets: false } as Partial<Machine>,
    'dial ready drop closed dial drop dial ready',
  ],
  [
    'a loss',
    ['connect', 'opened', closed(1006)],
    { state: 'reconnecting', attempt: 1, delay: 1000, link: 'none' } as Partial<Machine>,
    'dial ready drop closed',
  ],
  [
    'a delay that the server advises wins',
    ['connect', 'opened', { type: 'advice', ms: 700 }, closed(1012)],
    { attempt: 1, delay: 700 },
    'dial ready drop closed',
  ],
  [
    'a delay in the reason wins over the frame',
    ['connect', 'opened', { type: 'advice', ms: 700 }, closed(1012, 'restart retry_after_ms=900')],
    { delay: 900 },
    'dial ready drop closed',
  ],
  [
    'a wake does not shorten it',
    ['connect', 'opened', closed(4429, 'rate_limited retry_after_ms=8000'), 3000, 'wake'],
    { attempt: 0, delay: 5000, link: 'none' },
    'dial ready drop closed',
  ],
  [
    '4403 is the end',
    ['connect', 'opened', closed(4403), 'wake', 60_000],
    { state: 'error', halted: 'error', due: {} } as Partial<Machine>,
    'dial ready drop closed',
  ],
  [
    '4401 with a new token to be had',
    ['connect', 'opened', closed(4401, '', true), 1000],
    { state: 'reconnecting', tokenRefused: true, attempt: 0 } as Partial<Machine>,
    'dial ready drop closed dial',
  ],
  [
    '4401 twice',
    ['connect', 'opened', closed(4401, '', true), 1000, 'opened', closed(4401, '', true)],
    { state: 'error' } as Partial<Machine>,
    'dial ready drop closed dial ready drop closed',
  ],
  [
    'five good seconds set the count back',
    ['connect', closed(1006), 1000, 'opened', 4999],
    { attempt: 1 },
    'dial drop dial ready',
  ],
  [
    '… not a moment less',
    ['connect', closed(1006), 1000, 'opened', 5000],
    { attempt: 0 },
    'dial drop dial ready',
  ],
  [
    'a ping without an answer',
    ['connect', 'opened', 35_000],
    { state: 'reconnecting', attempt: 1 } as Partial<Machine>,
    'dial ready ping drop closed',
  ],
  [
    'any frame is an answer',
    ['connect', 'opened', 34_999, { type: 'heard' }, 20_000],
    { state: 'connected' } as Partial<Machine>,
    'dial ready ping',
  ],
  ['hidden, it does not ask', ['connect', 'opened', 'hidden', 600_000], { link: 'ready' }, 'dial ready'],
  ['offline, it does', ['connect', 'opened', 'offline'], { link: 'ready' }, 'dial ready ping'],
  [
    'into the back/forward cache',
    ['connect', 'opened', 'suspend'],
    { state: 'reconnecting', link: 'none', due: {} } as Partial<Machine>,
    'dial ready drop closed',
  ],
  [
    'what is not wanted is not woken',
    ['connect', 'opened', { type: 'disconnect' }, 'wake', 'offline', 'suspend'],
    { state: 'disconnected', wanted: false, due: {} } as Partial<Machine>,
    'dial ready drop closed',
  ],
]

test.each(table)('%s', (_, moves, expected, effects) => {
  const played = play(moves)
  expect(played.machine).toMatchObject(expected)
  expect(played.effects).toBe(effects)
})

test('a step changes nothing that it was given', () => {
  const before = { ...play(['connect', 'opened']).machine, random: undefined }
  const copy = structuredClone(before)
  step(before, closed(1006), { now: 9000, random: () => 0, hidden: false, settings: withDefaults({}) })
  expect(before).toEqual(copy)
})

test('with the clock set back, what was to come in a second still comes in one', () => {
  const { machine } = play(['connect', closed(1006)])
  const world = { now: -3_600_000, random: () => 0, hidden: false, settings: withDefaults({}) }
  const next = step(machine, { type: 'tick' }, world)
  expect(next.due.retry).toBe(-3_600_000 + 1000)
})

test('full jitter and no reconnecting are the settings’ to choose', () => {
  expect(play(['connect', closed(1006)], { jitter: 'full' }).machine.delay).toBe(0)
  expect(play(['connect', closed(1006)], { reconnect: false }).machine).toMatchObject({ halted: 'stopped' })
})

test('a server known to speak v1 is not taken for connected before its greeting', () => {
  expect(play(['connect', 'opened'], { dialect: 'v1' }).machine.link).toBe('open')
  expect(play(['connect', 'opened', session], { dialect: 'v1' }).machine.state).toBe('connected')
})
