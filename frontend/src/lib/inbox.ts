import { parseEnvelope, parseMessage } from './protocol'
import type { ParseResult, ServerFrame } from './protocol'

/** What was not handed on, counted. */
export interface InboxStats {
  /** Frames of a type this version does not know. */
  unknown: number
  /** Frames that were no valid JSON, or not what their type promises. */
  refused: number
  /** Changes seen before. */
  duplicates: number
}

/** Turns what comes over the wire into frames, and counts what it had to leave out. @internal */
export class Inbox {
  readonly stats: InboxStats = { unknown: 0, refused: 0, duplicates: 0 }

  /** The frames of one WebSocket message, in order; a batch is taken apart. */
  read(raw: unknown): ServerFrame[] {
    const frame = this.accept(parseMessage(raw))
    if (!frame) return []
    return frame.type === 'batch' ? frame.data.flatMap((item) => this.readItem(item)) : [frame]
  }

  private readItem(item: unknown): ServerFrame[] {
    const frame = this.accept(parseEnvelope(item))
    if (!frame) return []
    if (frame.type !== 'batch') return [frame]
    this.stats.refused++
    return []
  }

  private accept(result: ParseResult): ServerFrame | null {
    if (result.ok) return result.frame
    if (result.reason === 'unknown_type') this.stats.unknown++
    else this.stats.refused++
    return null
  }
}
