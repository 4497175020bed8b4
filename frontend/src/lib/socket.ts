import type { ChannelState, SubscribeOutcome } from './channels'
import { Client } from './client'
import type { ClientEnv } from './env'
import type { InboxStats } from './inbox'
import type { OutgoingMessage, WebSocketState } from './messages'
import type { SocketOptions } from './options'
import type { Delivery } from './outbox'
import type { Quality } from './quality'
import type { ConnectionSnapshot, Store } from './store'

/** What became of a message: it went out, it waits for a connection, or (false) neither. Truthy: accepted. */
export type SendResult = 'sent' | 'queued' | false

/**
 * One live connection that looks after itself: dials, watches, reconnects, resumes. Makes no socket, timer
 * or listener before connect(), and leaves none after disconnect().
 */
export interface SocketClient {
  /** The connection's state, to read and to listen to. */
  readonly store: Pick<Store<ConnectionSnapshot>, 'subscribe' | 'getSnapshot'>
  /** Round-trip time, jitter and what follows from them; its changes do not touch `store`. */
  readonly quality: Pick<Store<Quality>, 'subscribe' | 'getSnapshot'>
  /** What came in and was not handed on, counted since the client was made. */
  readonly stats: Readonly<InboxStats>
  /** The subscriptions, each with the position it has reached. */
  readonly channels: ChannelState[]

  /** Wants a connection; does nothing when one is already wanted and under way. Without a URL: disconnected. */
  connect(): void
  /** Drops what there is and dials, with a fresh series of attempts; legal in every state. */
  reconnect(): void
  /** Wants no connection: nothing but connect() and reconnect() brings one back. Gives up what waits to be sent. */
  disconnect(): void

  /**
   * Sends a message. Without a usable connection it waits for one, within the limits of `outbox`; where none
   * is wanted it is refused.
   */
  send(message: OutgoingMessage): SendResult
  /**
   * Sends a message and tells what became of it. Its answer is the frame with the same `id` (one is given
   * where it is missing). What has no answer when the connection is lost goes out again: at least once.
   */
  sendWithAck(message: OutgoingMessage): Promise<Delivery>

  /**
   * Subscribes to a channel, now and after each reconnect, in one frame with what else is asked for in this tick.
   * The promise never rejects: it tells what became of the request, once the server has answered it (one that
   * knows only the guide may never), it was refused for good, or the channel was left. What is refused for a
   * while only is asked for again.
   */
  subscribe(channel: string): Promise<SubscribeOutcome>
  /** Leaves a channel for good; returns whether there is a connection for the request to go out on. */
  unsubscribe(channel: string): boolean
  /** Something says that the server may be back, such as a request that succeeded: dials now, in place of waiting. */
  wake(): void

  /** Takes new handlers, times and token on at once; url, channels and dialect stay as they were. */
  update(options: SocketOptions): void
  /** Sets the token for the next attempt. A live connection stays; one that had stopped is tried again. */
  setToken(token: string | null | undefined): void
}

/**
 * Makes a client. env replaces what is taken from the browser, as `{ WebSocket }` of the `ws` package in Node.
 * startsAs is the state shown before the first connect(), for a page that is about to call it.
 */
export const SocketClient: new (
  options: SocketOptions,
  env?: Partial<ClientEnv>,
  startsAs?: WebSocketState,
) => SocketClient = Client
