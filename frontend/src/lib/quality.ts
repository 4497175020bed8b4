import { Store } from './store'

/** How good a connection is, in a word. */
export type QualityLevel = 'excellent' | 'good' | 'fair' | 'poor'

/** The figures of a connection; frozen, and the same object until one changes. */
export interface Quality {
  /** null: nothing measured yet, or no connection. */
  readonly level: QualityLevel | null
  /** Smoothed round-trip time of the heartbeat, milliseconds (RFC 6298: 7/8 old + 1/8 new). */
  readonly rttMs: number | null
  /** Smoothed deviation of the round-trip time, milliseconds (RFC 6298: 3/4 old + 1/4 new). */
  readonly jitterMs: number | null
  /** Pongs that did not come, of the last ten asked for. */
  readonly missedPongs: number
  /** When the last frame came, milliseconds since the epoch; kept to the second, so that it changes seldom. */
  readonly lastFrameAt: number | null
}

const NONE: Quality = { level: null, rttMs: null, jitterMs: null, missedPongs: 0, lastFrameAt: null }

/** Longer than any heartbeat takes: the page slept meanwhile, and nothing was measured. */
const ABSURD_MS = 60_000

/** Decides the level; nothing heard for twice the interval counts as a missed pong. */
export function qualityLevel(rttMs: number, jitterMs: number, missed: number): QualityLevel {
  if (missed === 0 && rttMs <= 100 && jitterMs <= 50) return 'excellent'
  if (missed === 0 && rttMs <= 300 && jitterMs <= 150) return 'good'
  if (missed <= 1 && rttMs <= 1000) return 'fair'
  return 'poor'
}

/** Measures a connection by its heartbeat; a store of its own, so that figures re-render only who wants them. @internal */
export class QualityMeter extends Store<Quality> {
  private askedAt: number | undefined
  private answers: boolean[] = []

  constructor() {
    super(NONE)
  }

  /** A ping went out. */
  asked(now: number): void {
    this.askedAt = now
  }

  /** The pong came. */
  answered(now: number): void {
    if (this.askedAt === undefined) return
    const sample = now - this.askedAt
    this.askedAt = undefined
    if (sample < 0 || sample > ABSURD_MS) return
    const { rttMs, jitterMs } = this.getSnapshot()
    if (rttMs === null || jitterMs === null) return this.note(true, sample, sample / 2)
    this.note(true, rttMs * 0.875 + sample * 0.125, jitterMs * 0.75 + Math.abs(rttMs - sample) * 0.25)
  }

  /** The pong did not come in time. */
  missed(): void {
    const { rttMs, jitterMs } = this.getSnapshot()
    this.note(false, rttMs, jitterMs)
  }

  /** A frame came, whatever it was. */
  heard(now: number): void {
    if (now - (this.getSnapshot().lastFrameAt ?? -Infinity) >= 1000) this.update({ lastFrameAt: now })
  }

  /** The link is gone: a ping of it will not be answered, and its level says nothing now. */
  connectionLost(): void {
    this.askedAt = undefined
    this.update({ level: null })
  }

  private note(answered: boolean, rttMs: number | null, jitterMs: number | null): void {
    this.answers = [...this.answers.slice(-9), answered]
    const missedPongs = this.answers.filter((came) => !came).length
    const level = qualityLevel(rttMs ?? Infinity, jitterMs ?? Infinity, missedPongs)
    this.update({ rttMs, jitterMs, missedPongs, level })
  }
}
