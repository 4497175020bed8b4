/// <reference types="vite/client" />

interface ImportMetaEnv {
  /** Address of the WebSocket; absent: no live connection, polling only. */
  readonly VITE_WEBSOCKET_URL?: string
}

interface ImportMeta {
  readonly env: ImportMetaEnv
}
