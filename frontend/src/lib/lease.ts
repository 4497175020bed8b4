import type { SocketClient } from './socket'

/**
 * Holds a client for the components that use it. The last one to leave ends the connection, though only a
 * macrotask later: StrictMode and hot reloading unmount and mount again at once, and must keep the socket.
 */
export class Lease {
  private holders = 0
  private ending: ReturnType<typeof setTimeout> | undefined

  /** The client's functions, bound, so that they can be handed out alone. */
  readonly actions

  constructor(readonly client: SocketClient) {
    this.actions = {
      send: client.send.bind(client),
      connect: client.connect.bind(client),
      disconnect: client.disconnect.bind(client),
      reconnect: client.reconnect.bind(client),
      subscribe: client.subscribe.bind(client),
      unsubscribe: client.unsubscribe.bind(client),
    }
  }

  /** Holds the client until the returned function is called. */
  retain(): () => void {
    this.holders++
    clearTimeout(this.ending)
    return () => {
      this.holders--
      if (this.holders === 0) this.ending = setTimeout(() => this.end(), 0)
    }
  }

  private end(): void {
    // Nobody is left to hear of it.
    this.client.update({})
    this.client.disconnect()
  }
}
