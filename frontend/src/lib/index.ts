export { backoffDelay } from './backoff'
export type { ChannelState, Refusal, SubscribeOutcome } from './channels'
export { CloseCode, decideClose } from './closeCodes'
export type { CloseDecision } from './closeCodes'
export { browserEnv } from './env'
export type { ClientEnv, Page, PageSignal, SocketConstructor, Timer, WebSocketLike } from './env'
export type { ChannelSnapshot, Handlers, ResyncReason } from './handlers'
export type { InboxStats } from './inbox'
export type { Credential, Dialect, GetToken, SocketOptions, TokenReason } from './options'
export type { Delivery, OutboxLimits } from './outbox'
export type { SessionStore } from './persistence'
export { MessageType, parseMessage, WebSocketState } from './protocol'
export type {
  EventStatus,
  EventUpdate,
  LatencyMs,
  MetricsUpdate,
  OutgoingMessage,
  ParseResult,
  ServerFrame,
  WebSocketMessage,
} from './protocol'
export type { Quality, QualityLevel } from './quality'
export { SocketClient } from './socket'
export type { SendResult } from './socket'
export type { ConnectionError, ConnectionSnapshot, Store } from './store'
export { payloadText } from './texts'
