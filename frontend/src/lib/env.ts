/** The part of a WebSocket that the client uses. */
export interface WebSocketLike {
  readonly readyState: number
  onopen: ((event: Event) => void) | null
  onmessage: ((event: MessageEvent) => void) | null
  onerror: ((event: Event) => void) | null
  onclose: ((event: CloseEvent) => void) | null
  send(text: string): void
  close(code?: number, reason?: string): void
}

/** A handle of setTimeout. */
export type Timer = ReturnType<typeof setTimeout>

/** What a page goes through, as far as a connection cares. */
export type PageSignal = 'wake' | 'hidden' | 'offline' | 'suspend'

/** Where page signals come from. */
export interface Page {
  isHidden(): boolean
  /** Calls the listener until the returned function is called. */
  listen(listener: (signal: PageSignal) => void): () => void
}

/** Everything the client takes from outside, so that tests own the network and the clock. */
export interface ClientEnv {
  /** undefined where there are no WebSockets (rendering on a server). */
  readonly WebSocket: (new (url: string) => WebSocketLike) | undefined
  /** Relative URLs are resolved against this. */
  readonly baseUrl?: string | undefined
  readonly page?: Page | undefined
  /** Milliseconds since the epoch. */
  now(): number
  /** 0 ≤ x < 1. */
  random(): number
  setTimeout(run: () => void, ms: number): Timer
  clearTimeout(timer: Timer): void
}

/** The surroundings of a browser tab; works where there is no window, too. */
export function browserEnv(): ClientEnv {
  const page = typeof document === 'undefined' ? undefined : browserPage(window, document)
  return {
    get WebSocket() {
      return typeof WebSocket === 'undefined' ? undefined : WebSocket
    },
    get baseUrl() {
      return typeof location === 'undefined' ? undefined : location.href
    },
    page,
    now: () => Date.now(),
    random: () => Math.random(),
    setTimeout: (run, ms) => setTimeout(run, ms),
    clearTimeout: (timer) => {
      clearTimeout(timer)
    },
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
        [doc, 'resume', wake],
        [win, 'pageshow', wake],
        [win, 'focus', wake],
        [win, 'online', wake],
        [win, 'offline', () => listener('offline')],
        [win, 'pagehide', (event) => (event as PageTransitionEvent).persisted && listener('suspend')],
      ]
      for (const [target, name, run] of events) target.addEventListener(name, run)
      return () => {
        for (const [target, name, run] of events) target.removeEventListener(name, run)
      }
    },
  }
}
