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
}

const SOLID: readonly number[] = []
const DASHED: readonly number[] = [6, 3]
const DOTTED: readonly number[] = [2, 2]

const secondsOf = (at: string) => Date.parse(at) / 1000
const MINUTES: Record<Range, number> = { '15m': 15, '1h': 60, '24h': 1440 }

/** The chart of latencies; minutes without a delivery are gaps. */
export function latencyChart(series: readonly LatencyPoint[], range: Range, now: number): ChartData {
  const byMinute = new Map(series.map((p) => [secondsOf(p.at), p]))
  const times = minutes(range, now)
  const line = (
    word: string,
    name: 'p50' | 'p95' | 'p99',
    colour: string,
    dash: readonly number[],
  ): Line => ({
    word,
    colour,
    dash,
    values: times.map((t) => pointValue(byMinute.get(t), name)),
  })
  return {
    times,
    lines: [
      line('p50', 'p50', '--accent', SOLID),
      line('p95', 'p95', '--status-idle', DASHED),
      line('p99', 'p99', '--text', DOTTED),
    ],
  }
}

function pointValue(point: LatencyPoint | undefined, name: 'p50' | 'p95' | 'p99'): number | null {
  return point && point.count > 0 ? point[name] : null
}

/** The chart of events per minute. */
export function throughputChart(series: readonly ThroughputPoint[], range: Range, now: number): ChartData {
  const byMinute = new Map(series.map((p) => [secondsOf(p.at), p]))
  const times = minutes(range, now)
  const line = (
    word: string,
    name: 'created' | 'delivered' | 'failed',
    colour: string,
    dash: readonly number[],
  ): Line => ({
    word,
    colour,
    dash,
    values: times.map((t) => byMinute.get(t)?.[name] ?? 0),
  })
  return {
    times,
    lines: [
      line('Created', 'created', '--accent', SOLID),
      line('Delivered', 'delivered', '--status-ok', DASHED),
      line('Failed', 'failed', '--status-error', DOTTED),
    ],
  }
}

function minutes(range: Range, now: number): number[] {
  const last = Math.floor(now / 60_000) * 60
  const n = MINUTES[range]
  return Array.from({ length: n }, (_, i) => last - (n - 1 - i) * 60)
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
