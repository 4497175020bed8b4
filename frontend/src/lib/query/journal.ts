import type { Change } from './change'

/**
 * The latest changes that came over the WebSocket, so that a snapshot fetched meanwhile can be brought up to
 * date. Bounded; an answer says whether it is complete.
 */
export class Journal {
  private changes: Change[] = []
  private forgotten = 0
  private forgottenUpTo = -1

  constructor(private readonly capacity = 5000) {}

  /** How many changes there have been; where a fetch stands in the stream when it starts. */
  get position(): number {
    return this.forgotten + this.changes.length
  }

  add(batch: readonly Change[]): void {
    for (const change of batch) this.changes.push(change)
    // Cut in large steps, so that adding stays cheap.
    if (this.changes.length >= this.capacity * 2) this.forget(this.changes.length - this.capacity)
  }

  /** The changes after `seq`; complete is false when some of them are no longer kept. */
  since(seq: number): { changes: Change[]; complete: boolean } {
    return {
      changes: this.changes.filter((c) => c.seq !== null && c.seq > seq),
      complete: seq >= this.forgottenUpTo,
    }
  }

  /**
   * What a snapshot lacks that was asked for at `position` and read at `seq`: what came since it was asked
   * for, and whatever else is newer than it.
   */
  missedBy(position: number, seq: number): { changes: Change[]; complete: boolean } {
    const at = position - this.forgotten
    return {
      changes: this.changes.filter((c, i) => i >= at || (c.seq !== null && c.seq > seq)),
      complete: at >= 0,
    }
  }

  /** Forgets everything: what is fetched from here on is newer. */
  clear(): void {
    this.forget(this.changes.length)
    this.forgottenUpTo = -1
  }

  private forget(count: number): void {
    this.forgotten += count
    for (const c of this.changes.splice(0, count)) {
      this.forgottenUpTo = Math.max(this.forgottenUpTo, c.seq ?? -1)
    }
  }
}
