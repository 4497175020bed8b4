/** Words for numbers and times; times are in the reader's zone. */
import { serverClock } from './clock'

const whole = new Intl.NumberFormat('en')
const short = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const long = new Intl.DateTimeFormat(undefined, {
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
})
const DAY_MS = 86_400_000

export const count = (n: number): string => whole.format(Math.round(n))

/** A share in percent. What is not all or nothing is never shown as 100 or 0. */
export function percent(n: number): string {
  if (n <= 0 || n >= 100) return `${Math.min(100, Math.max(0, n))} %`
  if (n < 0.01) return '<0.01 %'
  if (n > 99.99) return '>99.99 %'
  const short = n.toFixed(1)
  return `${short === '100.0' || short === '0.0' ? n.toFixed(2) : short} %`
}

/** A duration given in seconds. */
export function seconds(s: number): string {
  if (s === 0) return '0 ms'
  if (s < 1) return `${Math.max(1, Math.round(s * 1000))} ms`
  if (s < 60) return `${s < 10 ? s.toFixed(2) : s.toFixed(1)} s`
  if (s < 3600) return `${Math.round(s / 60)} min`
  return `${(s / 3600).toFixed(1)} h`
}

/** A moment, short: the time of day today, else with the date. */
export function moment(time: string, now = serverClock.now()): string {
  const at = Date.parse(time)
  if (Number.isNaN(at)) return '–'
  return Math.abs(now - at) < DAY_MS ? short.format(at) : long.format(at)
}

/** The time of day, to the second. */
export const timeOfDay = (at: number): string => short.format(at)

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })

/** The minute that begins at a time, milliseconds since the epoch. */
export const minute = (at: number): string => clock.format(at)

/** A moment, exact: zone of the reader and UTC. */
export function exact(time: string): string {
  const at = new Date(time)
  return Number.isNaN(at.getTime()) ? time : `${at.toString()} · ${at.toISOString()}`
}

/** How long ago, in words. */
export function ago(at: number, now: number): string {
  const s = Math.max(0, Math.round((now - at) / 1000))
  if (s < 1) return 'just now'
  if (s < 60) return `${s} s ago`
  if (s < 3600) return `${Math.floor(s / 60)} min ago`
  return `${Math.floor(s / 3600)} h ago`
}

/** A size in bytes. */
export function bytes(n: number): string {
  if (n < 1024) return `${n} B`
  return n < 1024 * 1024 ? `${(n / 1024).toFixed(0)} kB` : `${(n / 1024 / 1024).toFixed(1)} MB`
}
