import type { Timer } from '../env'

interface Waiting {
  id: number
  at: number
  run: () => void
}

/** A clock that stands until the test moves it. */
export class FakeClock {
  private waiting: Waiting[] = []
  private lastId = 0

  /** time: where it stands, milliseconds since the epoch. */
  constructor(private time = 1_700_000_000_000) {}

  readonly now = (): number => this.time

  readonly setTimeout = (run: () => void, ms: number): Timer => {
    const id = ++this.lastId
    this.waiting.push({ id, at: this.time + Math.max(0, ms), run })
    // An environment has timers of its own type; nobody but this clock looks inside.
    return id as unknown as Timer
  }

  readonly clearTimeout = (timer: Timer): void => {
    this.waiting = this.waiting.filter(({ id }) => id !== (timer as unknown as number))
  }

  /** The timers that wait. */
  get pending(): number {
    return this.waiting.length
  }

  /** When the next timer fires; null: none waits. */
  get next(): number | null {
    return this.nextBy(Infinity)?.at ?? null
  }

  /** Lets time pass; timers fire in their order, each at its time. */
  advance(ms: number): void {
    const end = this.time + ms
    for (let next = this.nextBy(end); next; next = this.nextBy(end)) {
      this.time = Math.max(this.time, next.at)
      this.clearTimeout(next.id as unknown as Timer)
      next.run()
    }
    this.time = end
  }

  /** The clock moves, timers do not: a machine that sleeps, a frozen page; below 0, a clock that is set back. */
  jump(ms: number): void {
    this.time += ms
    // A timer counts the time that it saw pass, not what the clock says.
    for (const timer of this.waiting) timer.at += ms
  }

  private nextBy(end: number): Waiting | undefined {
    const due = this.waiting.filter(({ at }) => at <= end)
    return due.sort((a, b) => a.at - b.at || a.id - b.id)[0]
  }
}
