import type { WebSocketMessage } from './messages'

/**
 * Whether one of the channels brings a message, as section 5 of the protocol has it. What no channel brings
 * (answers, errors, everything of a plain server) is for everyone.
 */
export function covers(channels: ReadonlySet<string>, { type, channel, data }: WebSocketMessage): boolean {
  if (channel === undefined || channels.has(channel) || !/^event_|metrics_|_update$/.test(type)) return true
  const { id, type: kind } = data as { id?: string; type?: string }
  const names = type.startsWith('event_') ? ['events', `events:${kind}`, `event:${id}`] : [channel]
  return [...channels].some((wanted) => names.some((name) => matches(wanted, name)))
}

function matches(wanted: string, name: string): boolean {
  return wanted === name || (wanted.endsWith('*') && name.startsWith(wanted.slice(0, -1)))
}
