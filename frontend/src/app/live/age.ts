import { ago } from '../format'
import { POLL_MS } from './polling'

/** How old what the page shows is, in words. */
export function ageOfData(
  live: { connected: boolean; paused: boolean; polling: boolean },
  updatedAt: number,
  now: number,
): string {
  const age = updatedAt === 0 ? 'no data yet' : `updated ${ago(updatedAt, now)}`
  if (live.paused) return `paused, ${age}`
  if (live.connected) return 'live'
  return live.polling ? `polling every ${POLL_MS / 1000} s, ${age}` : age
}
