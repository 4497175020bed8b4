import type { Dialect } from '../../lib'

/** How the page connects. */
export interface LiveSettings {
  /** '' means: no WebSocket, polling only. */
  url: string
  /** The server that this page comes from speaks v1, so its token never has to stand in an address. */
  dialect: Dialect
  maxReconnectAttempts: number
  initialReconnectDelay: number
  maxReconnectDelay: number
}

/** Where settings come from. */
export interface SettingsSource {
  /** VITE_WEBSOCKET_URL of the build. */
  built: string | undefined
  /** `<meta name="apier-websocket">` of the page, as the server wrote it. */
  served: string | null
  location: Pick<Location, 'protocol' | 'host' | 'search'>
}

const isOff = (word: string | null | undefined) => word?.trim().toLowerCase() === 'off'

// As <meta name="apier-websocket" content="/realtime">: a path or an address to use in place of /ws.
const isAddress = (word: string | null): word is string => /^(\/|wss?:\/\/)/.test(word ?? '')

/**
 * Decides how to connect. Two switches in the page's query are for diagnosis and tests:
 * `?ws=off` polls only; `?reconnect=maxAttempts,initialMs,maxMs` sets the backoff.
 */
export function liveSettings({ built, served, location }: SettingsSource): LiveSettings {
  const query = new URLSearchParams(location.search)
  const off = isOff(query.get('ws')) || isOff(built) || isOff(served)
  const origin = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}`
  const path = isAddress(served) ? served : '/ws'
  const own = path.startsWith('/') ? origin + path : path
  return { url: off ? '' : built || own, dialect: built ? 'auto' : 'v1', ...backoff(query.get('reconnect')) }
}

function backoff(text: string | null) {
  const numbers = (text ?? '').split(',').map(Number)
  const at = (i: number, fallback: number) => {
    const n = numbers[i]
    return text && n !== undefined && Number.isFinite(n) && n >= 0 ? n : fallback
  }
  return {
    maxReconnectAttempts: at(0, 10),
    initialReconnectDelay: at(1, 1000),
    maxReconnectDelay: at(2, 30_000),
  }
}

/** The settings of this page; read once. */
export function readLiveSettings(): LiveSettings {
  const meta = document.querySelector('meta[name="apier-websocket"]')
  return liveSettings({
    built: import.meta.env.VITE_WEBSOCKET_URL,
    served: meta?.getAttribute('content') ?? null,
    location: window.location,
  })
}
