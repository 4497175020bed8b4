import type { SessionStore } from './persistence'

/** The part of a WebSocket that the client uses. */
export interface WebSocketLike {
  readonly readyState: number
  onopen: ((event: Event) => unknown) | null
  onmessage: ((event: MessageEvent) => unknown) | null
  onerror: ((event: Event) => unknown) | null
  onclose: ((event: CloseEvent) => unknown) | null
  send(text: string): void
  close(code?: number, reason?: string): void
}

/** A handle of setTimeout. */
export type Timer = ReturnType<typeof setTimeout>

/** Makes a socket; the browser's, that of the `ws` package, or a fake. */
export type SocketConstructor = new (url: string, protocols?: string[]) => WebSocketLike

/** What a page goes through, as far as a connection cares; `leave`: it is about to be gone for good. */
export type PageSignal = 'wake' | 'hidden' | 'offline' | 'suspend' | 'leave'

/** Where page signals come from. */
export interface Page {
  isHidden(): boolean
  /** Calls the listener until the returned function is called. */
  listen(listener: (signal: PageSignal) => void): () => void
}

/** Everything the client takes from outside, so that tests own the network and the clock. */
export interface ClientEnv {
  /** undefined where there are no WebSockets (rendering on a server). */
  readonly WebSocket: SocketConstructor | undefined
  /** Relative URLs are resolved against this. */
  readonly baseUrl?: string | undefined
  readonly page?: Page | undefined
  /** Where the session survives a reload; absent: it does not. */
  readonly storage?: SessionStore | undefined
  /** Milliseconds since the epoch. */
  now(): number
  /** 0 ≤ x < 1. */
  random(): number
  setTimeout(run: () => void, ms: number): Timer
  clearTimeout(timer: Timer): void
}

/** The surroundings of a browser tab; works where there is no window, too. */
export function browserEnv(): ClientEnv {
  const { WebSocket, location, document } = globalThis as Partial<typeof globalThis>
  return {
    WebSocket,
    baseUrl: location?.href,
    page: document && browserPage(window, document),
    storage: sessionStore(),
    now: () => Date.now(),
    random: () => Math.random(),
    setTimeout: (run, ms) => setTimeout(run, ms),
    clearTimeout: (timer) => clearTimeout(timer),
  }
}

// Reading the property alone throws where cookies are barred.
function sessionStore(): SessionStore | undefined {
  try {
    return sessionStorage
  } catch {
    return undefined
  }
}

/**
 * Reads the page signals of a window. visibilitychange alone is not enough: after a resume browsers may
 * leave it out, and a page out of the back/forward cache has only pageshow.
 */
export function browserPage(win: Window, doc: Document): Page {
  const isHidden = () => doc.visibilityState === 'hidden'
  return {
    isHidden,
    listen(listener) {
      const wake = () => listener('wake')
      const events: [EventTarget, string, (event: Event) => void][] = [
        [doc, 'visibilitychange', () => listener(isHidden() ? 'hidden' : 'wake')],
        [doc, 'freeze', () => listener('hidden')],
        [doc, 'resume', wake],
        [win, 'pageshow', wake],
        [win, 'focus', wake],
        [win, 'online', wake],
        [win, 'offline', () => listener('offline')],
        [win, 'pagehide', (e) => listener((e as PageTransitionEvent).persisted ? 'suspend' : 'leave')],
      ]
      for (const [target, name, run] of events) target.addEventListener(name, run)
      return () => {
        for (const [target, name, run] of events) target.removeEventListener(name, run)
      }
    },
  }
}
