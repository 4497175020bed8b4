import { expect, it, test } from 'vitest'
import { ServerClock, skewInWords } from './clock'

const HOUR = 3_600_000
const noon = Date.parse('2026-01-01T12:00:00Z')

function world(browserAhead: number) {
  const time = { ticks: 5000, wall: 0 }
  const clock = new ServerClock(
    () => time.ticks,
    () => time.wall,
  )
  // The server's clock at a tick; the browser's is ahead of it.
  const server = () => noon + time.ticks
  const pass = (ms: number) => {
    time.ticks += ms
    time.wall = server() + browserAhead
  }
  pass(0)
  const answer = () => clock.note(new Date(Math.floor(server() / 1000) * 1000).toUTCString(), time.ticks)
  return { clock, time, server, pass, answer }
}

it('is the browser’s clock before anything was heard', () => {
  const { clock, time } = world(3 * HOUR)
  expect(clock.now()).toBe(time.wall)
  expect(skewInWords(clock.skew())).toBeNull()
})

test.each([180_000, 5 * HOUR, -5 * HOUR, 0])('a browser that is %i ms ahead asks the server', (ahead) => {
  const { clock, server, pass, answer } = world(ahead)
  answer()
  expect(Math.abs(clock.now() - server())).toBeLessThanOrEqual(1000)
  for (let i = 0; i < 20; i++) {
    pass(730)
    answer()
  }
  expect(Math.abs(clock.now() - server())).toBeLessThanOrEqual(100)
  expect(Math.abs(clock.skew() - ahead)).toBeLessThanOrEqual(100)
  expect(skewInWords(clock.skew()) === null).toBe(Math.abs(ahead) <= 60_000)
})

it('follows a clock that was set', () => {
  const { clock, time, server, pass, answer } = world(0)
  answer()
  pass(1000)
  clock.note(new Date(server() + HOUR).toUTCString(), time.ticks)
  expect(Math.abs(clock.now() - server() - HOUR)).toBeLessThanOrEqual(1000)
})

it('an answer without a date says nothing', () => {
  const { clock, time } = world(HOUR)
  clock.note(null, 0)
  clock.note('soon', 0)
  expect(clock.now()).toBe(time.wall)
})

it('says how far it is off', () => {
  expect(skewInWords(59_000)).toBeNull()
  expect(skewInWords(180_000)).toBe("This computer's clock is 3 min ahead of the server's.")
  expect(skewInWords(-5 * HOUR)).toBe("This computer's clock is 5 h behind the server's.")
  expect(skewInWords(72 * HOUR)).toBe("This computer's clock is 3 days ahead of the server's.")
})
