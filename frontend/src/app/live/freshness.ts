import { useEffect, useState, useSyncExternalStore } from 'react'
import { serverClock } from '../clock'
import { timeOfDay } from '../format'
import { useLive } from './context'
import { POLL_MS } from './polling'

/** How long an answer to a poll counts, milliseconds. */
const POLLED_FOR_MS = POLL_MS * 1.5
/** A loss that is mended within this is no loss. */
const GRACE_MS = 1000
const LOOK_MS = 500

/** When the server was last heard, by this machine's monotonic clock, and whether the latest request reached it. */
export class Contact {
  heardAt = -Infinity
  answeredAt = -Infinity
  hasFailed = false
  /** When the reader held the page still, in the server's time; null: it goes on. */
  pausedAt: number | null = null
  private lostAt: number

  constructor(private readonly ticks: () => number = () => performance.now()) {
    this.lostAt = ticks()
  }

  /** The connection is gone. */
  lost(): void {
    this.lostAt = this.ticks()
  }

  /** How long there is no connection, where there is none, milliseconds. */
  lostFor(): number {
    return this.ticks() - this.lostAt
  }

  /** A message came over the connection. */
  heard(): void {
    this.heardAt = this.ticks()
  }

  /** A request was answered, whatever the answer said. */
  answered(): void {
    this.heardAt = this.answeredAt = this.ticks()
    this.hasFailed = false
  }

  /** A request was not answered, or by a server that cannot. */
  failed(): void {
    this.hasFailed = true
  }

  /** How long nothing was heard, milliseconds. */
  silence(): number {
    return this.ticks() - this.heardAt
  }

  sinceAnswer(): number {
    return this.ticks() - this.answeredAt
  }
}

/** What this page has heard of its server. */
export const contact = new Contact()

/** How the page's data stand: `live`, `polled` at intervals, held still by the reader, or `stale`. */
export interface Freshness {
  state: 'live' | 'polled' | 'paused' | 'stale'
  /** When the data were true, in the server's time; null: they are now, or there never were any. */
  asOf: number | null
}

/** Decides how the data stand. */
export function freshnessOf(
  page: { connected: boolean; online: boolean; paused: boolean },
  heard: Pick<Contact, 'silence' | 'sinceAnswer' | 'hasFailed' | 'lostFor' | 'pausedAt'>,
  now: number,
): Freshness {
  if (page.paused) return { state: 'paused', asOf: heard.pausedAt }
  if (page.online && page.connected) return { state: 'live', asOf: null }
  const silence = heard.silence()
  const asOf = Number.isFinite(silence) ? now - silence : null
  if (!page.online) return { state: 'stale', asOf }
  const wasPolled = heard.sinceAnswer() < Math.min(POLLED_FOR_MS, heard.lostFor()) && !heard.hasFailed
  if (wasPolled) return { state: 'polled', asOf }
  // Just lost: most losses are mended before anybody can read of them.
  return heard.lostFor() < GRACE_MS ? { state: 'live', asOf: null } : { state: 'stale', asOf }
}

const onlineChanges = (listener: () => void) => {
  window.addEventListener('online', listener)
  window.addEventListener('offline', listener)
  return () => {
    window.removeEventListener('online', listener)
    window.removeEventListener('offline', listener)
  }
}

/** Whether the browser believes to be online. */
export const useOnline = () => useSyncExternalStore(onlineChanges, () => navigator.onLine)

/** How the page's data stand, kept up to date. */
export function useFreshness(): Freshness {
  const { ws, paused } = useLive()
  const online = useOnline()
  const connected = ws.isConnected
  const [freshness, setFreshness] = useState<Freshness>(() =>
    freshnessOf({ connected, online, paused }, contact, serverClock.now()),
  )
  useEffect(() => {
    const look = () => {
      if (!paused) contact.pausedAt = null
      else contact.pausedAt ??= serverClock.now()
      const next = freshnessOf({ connected, online, paused }, contact, serverClock.now())
      setFreshness((before) => (isSame(before, next) ? before : next))
    }
    const now = setTimeout(look, 0)
    const tick = setInterval(look, LOOK_MS)
    return () => {
      clearTimeout(now)
      clearInterval(tick)
    }
  }, [connected, online, paused])
  return freshness
}

// Two readings of the clocks of one moment differ by a little.
function isSame(a: Freshness, b: Freshness): boolean {
  return a.state === b.state && (a.asOf === b.asOf || Math.abs((a.asOf ?? 0) - (b.asOf ?? 0)) < 1000)
}

/** What a query has to show for itself. */
interface Shown {
  isError: boolean
  dataUpdatedAt: number
  data: unknown
}

/** Since when a query's data are not known to be true, in the server's time; null: they are. */
export function asOfQuery({ state, asOf }: Freshness, query: Shown): number | null {
  if (query.isError && query.dataUpdatedAt > 0) return serverClock.fromBrowser(query.dataUpdatedAt)
  return state === 'stale' ? (asOf ?? 0) : null
}

/** An age in words. */
export const asOfWords = (at: number): string => (at > 0 ? `as of ${timeOfDay(at)}` : 'not known')

/** How the data stand, in words. */
export function freshnessWords({ state, asOf }: Freshness): string {
  const age = asOf === null ? 'no data yet' : asOfWords(asOf)
  switch (state) {
    case 'live':
      return 'live'
    case 'paused':
      return `paused, ${age}`
    case 'polled':
      return `polling every ${POLL_MS / 1000} s, ${age}`
    case 'stale':
      return age
  }
}
