import { isText } from './guards'

interface Warning {
  timestamp?: string | undefined
  data: { expires_at?: unknown }
}

// How far ahead of its end a token is renewed: so much, or a share of its life where that is less.
const LEAD = 60_000
const SHARE = 4
/** A warning that names an end further ahead than this, or one that is past, was made by another clock. */
const LONGEST_WARNING = 600_000
const SOONEST_REPEAT = 1000

/**
 * How the token of one connection stands. The one in force is the one that the server has accepted; another that
 * was offered takes its place when the server says so. Twin of client/renewal.go.
 * @internal
 */
export class Renewal {
  /** The server has warned of the end, and there is no other token yet. */
  isWanted = false
  /** Offered, and not answered. */
  offered: string | undefined
  /** When to ask for another; 0: not at all. */
  at = 0
  private ends = 0

  /** since: when the token in force became so. */
  constructor(private readonly since: number) {}

  /** The token in force is about to expire. */
  warned(now: number, { timestamp, data }: Warning): void {
    const left = timeLeft(timestamp, data.expires_at, now)
    this.isWanted = true
    this.ends = now + (left ?? LEAD)
    const lead = Math.min(LEAD, (this.ends - this.since) / SHARE)
    this.at = left === undefined ? now : Math.max(now, Math.round(this.ends - lead))
  }

  /** Asks again in half of the time that is left, or after a while that the server named. */
  repeat(now: number, after?: number): void {
    if (!this.isWanted) return
    const at = now + (after ?? Math.max(SOONEST_REPEAT, (this.ends - now) / 2))
    this.at = at < this.ends ? at : 0
  }
}

// By our clock: the server's may be another one, so what counts is how far ahead of its own now it is.
function timeLeft(sent: unknown, end: unknown, now: number): number | undefined {
  const base = isText(sent) ? Date.parse(sent) : now
  const left = isText(end) ? Date.parse(end) - base : NaN
  return left > 0 && left <= LONGEST_WARNING ? left : undefined
}
