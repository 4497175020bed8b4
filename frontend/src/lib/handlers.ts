import type { Refusal } from './channels'
import { MessageType } from './protocol'
import type { EventUpdate, MetricsUpdate, ServerFrame, WebSocketMessage } from './protocol'

/**
 * Why state may have been missed: the server skipped some (`resync`), could not resume the session
 * (`not_resumed`), does not know sessions at all (`reconnected`), or is further on than what came (`behind`).
 */
export type ResyncReason = 'resync' | 'not_resumed' | 'reconnected' | 'behind'

/** The state of `event:<id>` or `endpoint:<id>` at a position of the change log; null: there is none. */
export interface ChannelSnapshot {
  channel: string
  seq: number
  state: Record<string, unknown> | null
}

/** What an application can listen to. An exception in a handler goes to the console and nowhere else. */
export interface Handlers {
  /** The connection is usable. */
  onOpen?: (() => void) | undefined
  /** The connection that onOpen told of is gone. */
  onClose?: (() => void) | undefined
  /** A browser's error event; says little, changes nothing. `lastError` has the words. */
  onError?: ((error: Event) => void) | undefined
  /**
   * Each message that could be parsed, before the handler of its type: those of types that the library does not
   * know, too, and those that steer the connection.
   */
  onMessage?: ((message: WebSocketMessage) => void) | undefined
  onEventUpdate?: ((event: EventUpdate) => void) | undefined
  onEventCreated?: ((event: EventUpdate) => void) | undefined
  onEventDeleted?: ((eventId: string) => void) | undefined
  onMetricsUpdate?: ((metrics: MetricsUpdate) => void) | undefined
  /**
   * The state of a channel that was subscribed to, told before its changes (v1); and again, when another who
   * shares the connection subscribes to it.
   */
  onSnapshot?: ((snapshot: ChannelSnapshot) => void) | undefined
  /**
   * Changes may have been missed: fetch your snapshot again. Not called on the first connect; what was
   * fetched before it is best fetched again in onOpen.
   */
  onResync?: ((reason: ResyncReason) => void) | undefined
  /**
   * The server does not give a channel, such as one the token does not permit, or one over the limit. What is
   * refused for a while only is asked for again, and not told.
   */
  onRefused?: ((refusal: Refusal) => void) | undefined
}

/** Calls a handler, if there is one; what it throws is reported and goes no further. */
export function tell<K extends keyof Handlers>(
  handlers: Handlers,
  name: K,
  ...args: Parameters<NonNullable<Handlers[K]>>
): void {
  const handler = handlers[name] as ((...args: unknown[]) => void) | undefined
  try {
    if (handler) handler(...args)
  } catch (error) {
    console.error(`useWebSocket: ${name} threw`, error)
  }
}

/** A frame that applications see; the others steer the connection. */
export type MessageFrame = Extract<ServerFrame, { type: MessageType }>

/** Hands one message to onMessage and to the handler of its type. */
export function deliver(frame: MessageFrame, handlers: Handlers): void {
  deliverMessage(frame, handlers)
  switch (frame.type) {
    case MessageType.EVENT_UPDATE:
      return tell(handlers, 'onEventUpdate', frame.data)
    case MessageType.EVENT_CREATED:
      return tell(handlers, 'onEventCreated', frame.data)
    case MessageType.EVENT_DELETED:
      return tell(handlers, 'onEventDeleted', frame.data.id)
    case MessageType.METRICS_UPDATE:
      return tell(handlers, 'onMetricsUpdate', frame.data)
  }
}

/** Hands any message to onMessage. */
export function deliverMessage(frame: object, handlers: Handlers): void {
  tell(handlers, 'onMessage', frame as WebSocketMessage)
}
