import type { Change } from './change'

/**
 * The latest changes that came over the WebSocket, so that a snapshot fetched meanwhile can be brought up to
 * date: what is newer than the snapshot's seq is applied to it. Bounded; `since` tells when it forgot too much.
 */
export class Journal {
  private changes: Change[] = []
  private forgottenUpTo = -1

  constructor(private readonly capacity = 5000) {}

  add(batch: readonly Change[]): void {
    for (const change of batch) this.changes.push(change)
    // Cut in large steps, so that adding stays cheap.
    if (this.changes.length < this.capacity * 2) return
    const dropped = this.changes.splice(0, this.changes.length - this.capacity)
    for (const c of dropped) this.forgottenUpTo = Math.max(this.forgottenUpTo, c.seq ?? -1)
  }

  /** The changes after `seq`; complete is false when some of them are no longer kept. */
  since(seq: number): { changes: Change[]; complete: boolean } {
    return {
      changes: this.changes.filter((c) => c.seq !== null && c.seq > seq),
      complete: seq >= this.forgottenUpTo,
    }
  }

  /** What the journal has of an event's creation, if that was seen. */
  creation(id: string): Change | undefined {
    return this.changes.find((c) => c.id === id && c.kind === 'created')
  }

  clear(): void {
    this.changes = []
    this.forgottenUpTo = -1
  }
}
