// The React part of the package: what `@apier/client/react` exports.
export { ConnectionStatus } from '../components/ConnectionStatus'
export type { ConnectionStatusProps } from '../components/ConnectionStatus'
export type { SeatConfig } from './sharing'
export { MessageType, useConnectionQuality, useWebSocket, WebSocketState } from './useWebSocket'
export type {
  EventUpdate,
  MetricsUpdate,
  UseWebSocketConfig,
  UseWebSocketResult,
  WebSocketMessage,
} from './useWebSocket'
