import { Suspense, useMemo, useState } from 'react'
import type { ComponentProps, ReactNode } from 'react'
import type { Range, ThroughputPoint } from '../app/api/types'
import { useLatency, useThroughput } from '../app/data'
import { count, seconds } from '../app/format'
import { mendLanguage } from '../app/language'
import { latencyChart, spanOf, throughputChart } from '../app/metrics/chart'
import type { Line } from '../app/metrics/chart'
import { happened, perMinute, within } from '../app/metrics/figures'
import { useNow } from '../app/now'
import { Boundary } from './Boundary'
import styles from './Charts.module.css'
import { lazyPart } from './part'
import { Panel } from './Panel'
import { Problem } from './Problem'
import { Button } from './ui/Button'

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
  const chart = useMemo(() => throughputChart(data?.series ?? [], range, now), [data, range, now])
  return (
    <Panel title="Throughput" aside={picker} testId="throughput">
      {error && !data ? <Problem error={error} /> : null}
      <dl className={styles.figures}>
        <Figure word="per minute" value={data && count(perMinute(data.series, now))} />
        {/* The sums of the lines below, and of what left otherwise: they leave with their minutes. */}
        {chart.lines.map((line) => (
          <Figure key={line.word} word={line.word.toLowerCase()} value={data && count(sumOf(line))} />
        ))}
        <Gone series={data?.series} range={range} now={now} />
      </dl>
      <Chart data={chart} title="Events per minute" format={whole} />
    </Panel>
  )
}

// What no line shows: named where it happened, so that the figures add up.
function Gone({
  series,
  range,
  now,
}: {
  series: readonly ThroughputPoint[] | undefined
  range: Range
  now: number
}) {
  const { deleted, expired } = happened(within(series ?? [], spanOf(range), now))
  return (
    <>
      {deleted > 0 && <Figure word="deleted" value={count(deleted)} />}
      {expired > 0 && <Figure word="expired" value={count(expired)} />}
    </>
  )
}

function Latency({ range }: { range: Range }) {
  const { data, error } = useLatency(range)
  const now = useNow(MOVE_ON_MS)
  const chart = useMemo(() => latencyChart(data?.series ?? [], range, now), [data, range, now])
  // As with the lines, by minute: what has left the range is no longer counted.
  const deliveries = within(data?.series ?? [], spanOf(range), now).reduce((sum, p) => sum + p.count, 0)
  const value = (s: number | null | undefined) => (data && deliveries > 0 && s != null ? seconds(s) : '–')
  return (
    <Panel title="Latency, created to delivered" testId="latency">
      {error && !data ? <Problem error={error} /> : null}
      <dl className={styles.figures}>
        <Figure word="p50" value={value(data?.p50)} />
        <Figure word="p95" value={value(data?.p95)} />
        <Figure word="p99" value={value(data?.p99)} />
        <Figure word="deliveries" value={data && count(deliveries)} />
      </dl>
      <Chart data={chart} title="Latency by minute" format={seconds} />
    </Panel>
  )
}

/** A chart, which may fail by itself; the figures above it stay. */
function Chart(props: ComponentProps<typeof LiveChart>) {
  return (
    <Boundary what="chart" name={props.title}>
      <Suspense fallback={<div className={styles.blank} />}>
        <LiveChart {...props} />
      </Suspense>
    </Boundary>
  )
}

const sumOf = ({ values }: Line) => values.reduce<number>((sum, n) => sum + (n ?? 0), 0)

const whole = (n: number) => (Number.isInteger(n) ? count(n) : '')

function Figure({ word, value }: { word: string; value: string | undefined }) {
  return (
    <div>
      <dt>{word}</dt>
      <dd>{value ?? '–'}</dd>
    </div>
  )
}
