import type { LatencyPoint, Range, ThroughputPoint } from '../api/types'

/** One line of a chart. */
export interface Line {
  word: string
  /** The CSS variable of its colour. */
  colour: string
  /** Lengths of its dashes and gaps, pixels; it is told from the others by these too. */
  dash: readonly number[]
  values: (number | null)[]
}

/** What a chart shows: seconds since the epoch, and lines over them. */
export interface ChartData {
  times: number[]
  lines: Line[]
  /** The scale reaches at least so far: below it a line would be all noise, and its axis no numbers. */
  least: number
}

/** Solid, dashed, dotted: the first line of a chart, the second and the third. */
const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 2]]

const LEAST_LATENCY_S = 0.01
const LEAST_EVENTS = 4

const secondsOf = (at: string) => Date.parse(at) / 1000
const MINUTES: Record<Range, number> = { '15m': 15, '1h': 60, '24h': 1440 }

/** How long a range is, milliseconds. */
export const spanOf = (range: Range): number => MINUTES[range] * 60_000

/** The chart of latencies; minutes without a delivery are gaps. */
export function latencyChart(series: readonly LatencyPoint[], range: Range, now: number): ChartData {
  const value = (name: 'p50' | 'p95' | 'p99') => (point: LatencyPoint | undefined) =>
    point && point.count > 0 ? point[name] : null
  return chart(series, range, now, LEAST_LATENCY_S, [
    { word: 'p50', colour: '--accent', value: value('p50') },
    { word: 'p95', colour: '--status-idle', value: value('p95') },
    { word: 'p99', colour: '--text', value: value('p99') },
  ])
}

/** The chart of events per minute. */
export function throughputChart(series: readonly ThroughputPoint[], range: Range, now: number): ChartData {
  const value = (name: 'created' | 'delivered' | 'failed') => (point: ThroughputPoint | undefined) =>
    point?.[name] ?? 0
  return chart(series, range, now, LEAST_EVENTS, [
    { word: 'Created', colour: '--accent', value: value('created') },
    { word: 'Delivered', colour: '--status-ok', value: value('delivered') },
    { word: 'Failed', colour: '--status-error', value: value('failed') },
  ])
}

/** What a line shows of each minute, of which there may be no point. */
interface Measure<P> {
  word: string
  colour: string
  value: (point: P | undefined) => number | null
}

function chart<P extends { at: string }>(
  series: readonly P[],
  range: Range,
  now: number,
  least: number,
  measures: readonly Measure<P>[],
): ChartData {
  const byMinute = new Map(series.map((p) => [secondsOf(p.at), p]))
  const times = minutes(range, now)
  return {
    times,
    least,
    lines: measures.map(({ word, colour, value }, i) => ({
      word,
      colour,
      dash: DASHES[i] ?? [],
      values: times.map((t) => value(byMinute.get(t))),
    })),
  }
}

function minutes(range: Range, now: number): number[] {
  const last = Math.floor(now / 60_000) * 60
  const n = MINUTES[range]
  return Array.from({ length: n }, (_, i) => last - (n - 1 - i) * 60)
}

/** The points between two gaps: no line shows them, so they are drawn by themselves. */
export function lonely(values: ArrayLike<number | null | undefined>): number[] {
  const isGap = (i: number) => values[i] === null || values[i] === undefined
  return Array.from({ length: values.length }, (_, i) => i).filter(
    (i) => !isGap(i) && isGap(i - 1) && isGap(i + 1),
  )
}

/** The chart in words, for those who do not see it. */
export function inWords(data: ChartData, format: (value: number) => string): string {
  const parts = data.lines.map(({ word, values }) => {
    const known = values.filter((v): v is number => v !== null)
    if (known.length === 0) return `${word}: no data`
    const latest = known[known.length - 1] ?? 0
    return `${word}: latest ${format(latest)}, highest ${format(Math.max(...known))}`
  })
  return parts.join('; ')
}
