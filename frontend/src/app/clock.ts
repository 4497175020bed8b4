/** How far this browser's clock may be off before the reader is told, milliseconds. */
export const SKEW_TOLD_MS = 60_000

const monotonic = (): number => performance.now()

/**
 * The server's clock, as its answers tell it. The header `Date` has whole seconds, so each answer gives a range for
 * the difference to this machine's monotonic clock; the ranges of several answers together are narrow. Before the
 * first answer it is the browser's own clock.
 */
export class ServerClock {
  private low = NaN
  private high = NaN
  private readonly listeners = new Set<() => void>()

  constructor(
    private readonly ticks: () => number = monotonic,
    private readonly wall: () => number = () => Date.now(),
  ) {}

  /** The time for a request to begin at; hand it to `note` with its answer. */
  start(): number {
    return this.ticks()
  }

  /** Takes the `Date` of an answer to a request that began at `start`. */
  note(date: string | null, start: number): void {
    const at = Date.parse(date ?? '')
    if (Number.isNaN(at)) return
    const low = at - this.ticks()
    const high = at + 1000 - start
    const isNews = !(low <= this.high && high >= this.low)
    // A range that fits no longer: one of the clocks was set, or this machine slept.
    this.low = isNews ? low : Math.max(low, this.low)
    this.high = isNews ? high : Math.min(high, this.high)
    if (isNews) for (const listener of [...this.listeners]) listener()
  }

  /** The server's time, milliseconds since the epoch. */
  readonly now = (): number => {
    return Number.isNaN(this.low) ? this.wall() : this.ticks() + (this.low + this.high) / 2
  }

  /** How far the browser's clock is ahead of the server's, milliseconds. */
  readonly skew = (): number => this.wall() - this.now()

  /** A time of this browser's clock as the server's clock had it then. */
  readonly fromBrowser = (at: number): number => at - this.skew()

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
}

/** The clock of the server this page comes from. */
export const serverClock = new ServerClock()

/** How far this clock is off, in words; null: not far enough to matter. */
export function skewInWords(skew: number): string | null {
  const off = Math.abs(skew)
  if (off <= SKEW_TOLD_MS) return null
  const direction = skew > 0 ? 'ahead of' : 'behind'
  return `This computer's clock is ${span(off)} ${direction} the server's.`
}

function span(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`
}
