export { backoffDelay } from './backoff'
export { CloseCode, decideClose } from './closeCodes'
export type { CloseDecision } from './closeCodes'
export type { ClientEnv, Page, PageSignal, WebSocketLike } from './env'
export type { Handlers, ResyncReason } from './handlers'
export type { GetToken, SocketOptions, TokenReason } from './options'
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
export { SocketClient } from './socket'
export type { ConnectionError, ConnectionSnapshot } from './store'
export { useWebSocket } from './useWebSocket'
export type { UseWebSocketConfig, UseWebSocketResult } from './useWebSocket'
