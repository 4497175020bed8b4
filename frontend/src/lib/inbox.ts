import { isRecord } from './guards'
import type { WebSocketMessage } from './messages'
import { parseEnvelope, parseMessage } from './protocol'
import type { ParseResult, ServerFrame } from './protocol'

/** What was not handed on, or only to onMessage, counted. */
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

/** A frame, or one of a type that this version does not know, as it came. @internal */
export interface Incoming {
  known?: SingleFrame
  custom?: WebSocketMessage
}

/** The frames of one WebSocket message, in order; a batch is taken apart. What has to be left out is counted. */
export function readFrames(raw: unknown, stats: InboxStats): Incoming[] {
  const whole = parseMessage(raw)
  if (whole.ok && whole.frame.type === 'batch') {
    return whole.frame.data.flatMap((value) => single(parseEnvelope(value), () => value, stats))
  }
  return single(whole, () => JSON.parse(raw as string) as unknown, stats)
}

function single(result: ParseResult, value: () => unknown, stats: InboxStats): Incoming[] {
  if (result.ok && result.frame.type !== 'batch') return [{ known: result.frame }]
  if (result.ok || result.reason !== 'unknown_type') {
    stats.refused++
    return []
  }
  stats.unknown++
  const custom = value()
  return isRecord(custom) ? [{ custom: custom as unknown as WebSocketMessage }] : []
}
