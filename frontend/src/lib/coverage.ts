import { MessageType } from './messages'
import type { WebSocketMessage } from './messages'

const CHANGE = /^event_|metrics_|_update$|^webhook_/
type Names = Partial<Record<'id' | 'type' | 'event_id' | 'endpoint_id', string | null>>

/**
 * Whether one of the channels brings a message, as section 5 of the protocol has it. What no channel brings
 * (answers, errors, everything of a plain server) is for everyone.
 */
export function covers(channels: ReadonlySet<string>, { type, channel, data }: WebSocketMessage): boolean {
  if (channel === undefined || channels.has(channel) || !CHANGE.test(type)) return true
  const { id, type: kind, event_id: event, endpoint_id } = (data ?? {}) as Names
  const endpoint = type === MessageType.ENDPOINT_UPDATE ? id : endpoint_id
  // The frame names one channel that brings it; there may be others.
  const names = type.startsWith('event_') ? ['events', `events:${kind}`, `event:${id}`] : [channel]
  if (event) names.push(`event:${event}`)
  if (endpoint) names.push(`endpoint:${endpoint}`)
  return [...channels].some((wanted) => names.some((name) => matches(wanted, name)))
}

function matches(wanted: string, name: string): boolean {
  return wanted === name || (wanted.endsWith('*') && name.startsWith(wanted.slice(0, -1)))
}
