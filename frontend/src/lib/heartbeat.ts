import type { ClientEnv, Timer } from './env'

/** How often to ask, and how long to wait for a sign of life; milliseconds. An interval of 0 never asks. */
export interface HeartbeatTimes {
  heartbeatInterval: number
  heartbeatTimeout: number
}

/** What a heartbeat needs of its link. */
export interface HeartbeatLink {
  ping(): void
  /** No sign of life came in time. */
  expired(): void
}

/**
 * Asks a link for signs of life. The deadline counts from the ping it belongs to, never from the last
 * frame; any inbound frame clears it. Belongs to one link and goes with it.
 */
export class Heartbeat {
  private lastFrameAt: number
  private pingAt = 0
  private interval: Timer | undefined
  private deadline: Timer | undefined
  private doubted = false

  constructor(
    private readonly env: ClientEnv,
    private readonly times: () => HeartbeatTimes,
    private readonly link: HeartbeatLink,
  ) {
    this.lastFrameAt = env.now()
  }

  /** Begins, or goes on after stop; asks at once when nothing was heard for longer than the interval. */
  start(): void {
    if (this.interval !== undefined) return
    const { heartbeatInterval } = this.times()
    if (heartbeatInterval <= 0) return
    if (this.env.now() - this.lastFrameAt > heartbeatInterval) this.probe()
    this.schedule(heartbeatInterval)
  }

  /** Asks now, unless an answer is already due. */
  probe(): void {
    if (this.deadline !== undefined || this.times().heartbeatInterval <= 0) return
    this.doubted = false
    this.ask()
  }

  /** A frame came in, whatever it was. */
  alive(): void {
    this.lastFrameAt = this.env.now()
    this.clearDeadline()
  }

  /** Leaves no timer. */
  stop(): void {
    if (this.interval !== undefined) this.env.clearTimeout(this.interval)
    this.interval = undefined
    this.clearDeadline()
  }

  private schedule(ms: number): void {
    this.interval = this.env.setTimeout(() => {
      this.schedule(this.times().heartbeatInterval)
      this.probe()
    }, ms)
  }

  private ask(): void {
    this.pingAt = this.env.now()
    this.arm(this.times().heartbeatTimeout)
    this.link.ping()
  }

  private arm(ms: number): void {
    this.deadline = this.env.setTimeout(() => {
      this.deadline = undefined
      this.due()
    }, ms)
  }

  // A timer may lie. Early, or with the clock set back: wait out the rest. Much too late: this tab slept,
  // and the pong may be waiting behind us, so ask again. Either happens once, lest a dead link be kept.
  private due(): void {
    const { heartbeatTimeout } = this.times()
    const elapsed = this.env.now() - this.pingAt
    if (!this.doubted && elapsed < heartbeatTimeout) {
      this.doubted = true
      this.arm(Math.min(heartbeatTimeout, heartbeatTimeout - elapsed))
    } else if (!this.doubted && elapsed >= 2 * heartbeatTimeout) {
      this.doubted = true
      this.ask()
    } else {
      this.link.expired()
    }
  }

  private clearDeadline(): void {
    if (this.deadline !== undefined) this.env.clearTimeout(this.deadline)
    this.deadline = undefined
  }
}
