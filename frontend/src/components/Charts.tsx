import { Suspense, useMemo, useState } from 'react'
import type { ComponentProps, ReactNode } from 'react'
import type { Range } from '../app/api/types'
import { useLatency, useThroughput } from '../app/data'
import { count, seconds } from '../app/format'
import { mendLanguage } from '../app/language'
import { latencyChart, spanOf, throughputChart } from '../app/metrics/chart'
import type { ChartData, Line } from '../app/metrics/chart'
import { happened, perMinute, within } from '../app/metrics/figures'
import { useNow } from '../app/now'
import { Boundary } from './Boundary'
import styles from './Charts.module.css'
import { lazyPart } from './part'
import { Panel } from './Panel'
import { PartProblem } from './PartProblem'
import { Button } from './ui/Button'
import { Skeleton } from './ui/Skeleton'

const LiveChart = lazyPart(() => {
  mendLanguage() // uPlot hands it to Intl as soon as it is loaded
  return import('./LiveChart').then((m) => m.LiveChart)
})

const ranges: readonly { range: Range; word: string }[] = [
  { range: '15m', word: '15 min' },
  { range: '1h', word: '1 h' },
  { range: '24h', word: '24 h' },
]
const MOVE_ON_MS = 5000
/** As tall as the chart with its legend. */
const BLANK_LINES = 6
/** The lines of the chart of throughput, in the order that they are drawn in. */
const LINES = ['created', 'delivered', 'failed']

/** Throughput and latency over a range of the reader's choice. */
export function Charts() {
  const [range, setRange] = useState<Range>('1h')
  const picker = (
    <div className={styles.ranges} role="group" aria-label="Range of the charts">
      {ranges.map(({ range: r, word }) => (
        <Button key={r} tone="quiet" aria-pressed={r === range} onClick={() => setRange(r)}>
          {word}
        </Button>
      ))}
    </div>
  )
  return (
    <>
      <Throughput range={range} picker={picker} />
      <Latency range={range} />
    </>
  )
}

function Throughput({ range, picker }: { range: Range; picker: ReactNode }) {
  const { data, error } = useThroughput(range)
  const now = useNow(MOVE_ON_MS)
  const gone = data && happened(within(data.series, spanOf(range), now))
  const chart = useMemo(() => data && throughputChart(data.series, range, now), [data, range, now])
  return (
    <Panel title="Throughput" aside={picker} testId="throughput">
      <dl className={styles.figures}>
        <Figure word="per minute" value={data && count(perMinute(data.series, now))} />
        {/* The sums of the lines below, and of what left otherwise: they leave with their minutes. */}
        {LINES.map((word, i) => (
          <Figure key={word} word={word} value={chart && count(sumOf(chart.lines[i]))} />
        ))}
        {/* What no line shows: named as well, so that the figures add up. */}
        <Figure word="deleted" value={gone && count(gone.deleted)} />
        <Figure word="expired" value={gone && count(gone.expired)} />
      </dl>
      <Chart data={chart} error={error} title="Events per minute" format={whole} />
    </Panel>
  )
}

function Latency({ range }: { range: Range }) {
  const { data, error } = useLatency(range)
  const now = useNow(MOVE_ON_MS)
  const chart = useMemo(() => data && latencyChart(data.series, range, now), [data, range, now])
  // As with the lines, by minute: what has left the range is no longer counted.
  const deliveries = within(data?.series ?? [], spanOf(range), now).reduce((sum, p) => sum + p.count, 0)
  const value = (s: number | null | undefined) => (data && deliveries > 0 && s != null ? seconds(s) : '–')
  return (
    <Panel title="Latency, created to delivered" testId="latency">
      <dl className={styles.figures}>
        <Figure word="p50" value={value(data?.p50)} />
        <Figure word="p95" value={value(data?.p95)} />
        <Figure word="p99" value={value(data?.p99)} />
        <Figure word="deliveries" value={data && count(deliveries)} />
      </dl>
      <Chart data={chart} error={error} title="Latency by minute" format={seconds} />
    </Panel>
  )
}

interface ChartProps extends Omit<ComponentProps<typeof LiveChart>, 'data'> {
  /** undefined: not known; no line is drawn of that. */
  data: ChartData | undefined
  error: unknown
}

/** A chart, which may fail by itself; the figures above it stay. It has its height before it is there. */
function Chart({ data, error, ...props }: ChartProps) {
  const blank = <Skeleton lines={BLANK_LINES} height={34} />
  return (
    <div className={styles.chart}>
      {!data && (error ? <PartProblem error={error} /> : blank)}
      {data && (
        <Boundary what="chart" name={props.title}>
          <Suspense fallback={blank}>
            <LiveChart data={data} {...props} />
          </Suspense>
        </Boundary>
      )}
    </div>
  )
}

const sumOf = (line: Line | undefined) => line?.values.reduce<number>((sum, n) => sum + (n ?? 0), 0) ?? 0

const whole = (n: number) => (Number.isInteger(n) ? count(n) : '')

function Figure({ word, value }: { word: string; value: string | undefined }) {
  return (
    <div>
      <dt>{word}</dt>
      <dd>{value ?? '–'}</dd>
    </div>
  )
}
