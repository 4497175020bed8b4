import { successRate } from '../../lib/query/counters'
import type { Counters } from '../../lib/query/counters'
import type { Change } from '../../lib/query/change'
import type { Journal } from '../../lib/query/journal'
import type { Latency, LatencyPoint, Summary, Throughput, ThroughputPoint } from '../api/types'

const MINUTE_MS = 60_000
const minuteOf = (time: string | undefined) => Math.floor(Date.parse(time ?? '') / MINUTE_MS) * MINUTE_MS

/** What some changes add to each minute, keyed by the minute's milliseconds. */
export interface Tally {
  created: number
  delivered: number
  failed: number
  reopened: number
  left_pending: number
  left_delivered: number
  left_failed: number
  /** Created to delivered, seconds. */
  latencies: number[]
}

const NOTHING = {
  created: 0,
  delivered: 0,
  failed: 0,
  reopened: 0,
  left_pending: 0,
  left_delivered: 0,
  left_failed: 0,
}

/** Whether the server has to be asked what a change did to the figures: the frame does not tell what it took from. */
export const isUncounted = ({ kind, data }: Change): boolean =>
  kind === 'deleted' || (kind === 'updated' && !data.previous_status)

/** Counts changes by minute: creations by created_at, outcomes by updated_at. */
export function tally(changes: readonly Change[]): Map<number, Tally> {
  const minutes = new Map<number, Tally>()
  const at = (time: string | undefined): Tally => {
    const minute = minuteOf(time)
    const known = minutes.get(minute) ?? { ...NOTHING, latencies: [] }
    minutes.set(minute, known)
    return known
  }
  for (const change of changes) {
    const { kind, data } = change
    if (kind === 'created') at(data.created_at).created++
    const before = kind === 'created' ? 'pending' : data.previous_status
    if (isUncounted(change) || data.status === undefined || before === data.status) continue
    const t = at(data.updated_at ?? data.created_at)
    if (before === 'pending') t.left_pending++
    else if (before === 'delivered') t.left_delivered++
    else if (before === 'failed') t.left_failed++
    if (data.status === 'pending') t.reopened++
    if (data.status === 'failed') t.failed++
    if (data.status !== 'delivered') continue
    t.delivered++
    if (typeof data.delivery_latency_ms === 'number') t.latencies.push(data.delivery_latency_ms / 1000)
  }
  minutes.delete(NaN)
  return minutes
}

/** Figures as they were read, with what the stream has told since; nothing of that counts again, as at the end of a pause. */
export function caughtUp<F extends Throughput | Latency>(
  read: F,
  journal: Journal,
  add: (figures: F, minutes: ReadonlyMap<number, Tally>) => F,
): F {
  const { changes } = journal.since(read.seq)
  const seq = changes[changes.length - 1]?.seq ?? read.seq
  return { ...add(read, tally(changes)), seq }
}

const COUNTED = Object.keys(NOTHING) as (keyof typeof NOTHING)[]

/** The throughput with what happened since; minutes that have begun meanwhile are added, old ones leave. */
export function withThroughput(t: Throughput, minutes: ReadonlyMap<number, Tally>): Throughput {
  const byMinute = new Map(t.series.map((p) => [Date.parse(p.at), p]))
  for (const [at, m] of minutes) {
    const p = byMinute.get(at) ?? { ...NOTHING, at: new Date(at).toISOString(), deleted: 0, expired: 0 }
    const sum = { ...p }
    for (const name of COUNTED) sum[name] += m[name]
    byMinute.set(at, sum)
  }
  const series = [...byMinute.values()].sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
  return { ...t, series: series.slice(-Math.max(t.series.length, 1)) }
}

/** The value below which a share of sorted numbers lies (nearest rank). */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
}

/**
 * The latency with what was delivered since. A minute that began under our eyes is exact; one that the server
 * had begun is the mean of both parts, weighted by count.
 */
export function withLatency(l: Latency, minutes: ReadonlyMap<number, Tally>): Latency {
  const byMinute = new Map(l.series.map((p) => [Date.parse(p.at), p]))
  for (const [at, { latencies }] of minutes) {
    if (latencies.length > 0) byMinute.set(at, mixed(byMinute.get(at), pointOf(at, latencies)))
  }
  const series = [...byMinute.values()].sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
  return { ...l, series }
}

function pointOf(at: number, latencies: readonly number[]): LatencyPoint {
  const sorted = [...latencies].sort((a, b) => a - b)
  const q = (share: number) => quantile(sorted, share)
  return { at: new Date(at).toISOString(), p50: q(0.5), p95: q(0.95), p99: q(0.99), count: sorted.length }
}

function mixed(a: LatencyPoint | undefined, b: LatencyPoint): LatencyPoint {
  if (!a || a.count === 0) return b
  const count = a.count + b.count
  const mean = (x: number, y: number) => (x * a.count + y * b.count) / count
  return { at: a.at, p50: mean(a.p50, b.p50), p95: mean(a.p95, b.p95), p99: mean(a.p99, b.p99), count }
}

/** The percentiles of the last hour as metrics_update has them, in place of the snapshot's. */
export function withHeadline(l: Latency, c: Counters): Latency {
  const ms = c.latency_ms
  if (l.range !== '1h' || !ms) return l
  const s = (n: number | null, known: number | null) => (n === null ? known : n / 1000)
  return { ...l, p50: s(ms.p50, l.p50), p95: s(ms.p95, l.p95), p99: s(ms.p99, l.p99) }
}

/** The minutes of a series that lie within a span before now; both in milliseconds. */
export function within<P extends { at: string }>(series: readonly P[], span: number, now: number): P[] {
  return series.filter((p) => Date.parse(p.at) > now - span)
}

/** What happened in the minutes of a series. */
export function happened(series: readonly ThroughputPoint[]): Omit<ThroughputPoint, 'at'> {
  const sum = { ...NOTHING, deleted: 0, expired: 0 }
  for (const p of series) for (const name of SUMMED) sum[name] += p[name]
  return sum
}

const SUMMED = [...COUNTED, 'deleted', 'expired'] as const

/** The rate of creation over the last 60 seconds: this minute, and the share of the one before that they reach into. */
export function perMinute(series: readonly ThroughputPoint[], now: number): number {
  const minute = Math.floor(now / MINUTE_MS) * MINUTE_MS
  const created = (at: number) => series.find((p) => Date.parse(p.at) === at)?.created ?? 0
  return created(minute) + created(minute - MINUTE_MS) * (1 - (now - minute) / MINUTE_MS)
}

export type CardName = 'total' | 'pending' | 'delivered' | 'failed' | 'success_rate'

/** The course of each card over the series, reckoned back from the present counts. */
export function courses(now: Summary, series: readonly ThroughputPoint[]): Record<CardName, number[]> {
  const s = { total: now.total, pending: now.pending, delivered: now.delivered, failed: now.failed }
  const course: Record<CardName, number[]> = {
    total: [],
    pending: [],
    delivered: [],
    failed: [],
    success_rate: [],
  }
  const note = () => {
    // Minutes from before an upgrade do not say what left; below zero nothing can have been.
    const [delivered, failed] = [Math.max(0, s.delivered), Math.max(0, s.failed)]
    course.total.push(Math.max(0, s.total))
    course.pending.push(Math.max(0, s.pending))
    course.delivered.push(delivered)
    course.failed.push(failed)
    // Before the first outcome there is no rate, which is not one of 0: the course begins with it.
    const later = course.success_rate[course.success_rate.length - 1] ?? 0
    course.success_rate.push(delivered + failed === 0 ? later : successRate(delivered, failed))
  }
  note()
  for (const p of [...series].reverse()) {
    s.total -= p.created - p.deleted - p.expired
    s.pending -= p.created + p.reopened - p.left_pending
    s.delivered -= p.delivered - p.left_delivered
    s.failed -= p.failed - p.left_failed
    note()
  }
  for (const points of Object.values(course)) points.reverse()
  return course
}
