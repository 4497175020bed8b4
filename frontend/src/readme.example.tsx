import { useWebSocket } from './lib/useWebSocket'
import { ConnectionStatus } from './components/ConnectionStatus'

export function Live({ token }: { token: string }) {
  const ws = useWebSocket({
    url: 'ws://localhost:8080/ws',
    token,
    onEventCreated: (event) => console.log('created', event.id),
    onEventUpdate: (event) => console.log(event.id, 'is', event.status),
  })
  return <ConnectionStatus {...ws} onReconnect={ws.reconnect} />
}
