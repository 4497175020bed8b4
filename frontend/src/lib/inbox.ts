import { parseEnvelope, parseMessage } from './protocol'
import type { ServerFrame } from './protocol'

/** What was not handed on, counted. */
export interface InboxStats {
  /** Frames of a type this version does not know. */
  unknown: number
  /** Frames that were no valid JSON, or not what their type promises. */
  refused: number
  /** Changes seen before. */
  duplicates: number
}

/** A frame by itself. */
export type SingleFrame = Exclude<ServerFrame, { type: 'batch' }>

/** The frames of one WebSocket message, in order; a batch is taken apart. What has to be left out is counted. */
export function readFrames(raw: unknown, stats: InboxStats): SingleFrame[] {
  const whole = parseMessage(raw)
  const results = whole.ok && whole.frame.type === 'batch' ? whole.frame.data.map(parseEnvelope) : [whole]
  return results.flatMap((result) => {
    if (result.ok && result.frame.type !== 'batch') return [result.frame]
    stats[!result.ok && result.reason === 'unknown_type' ? 'unknown' : 'refused']++
    return []
  })
}
