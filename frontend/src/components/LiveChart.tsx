import { useEffect, useMemo, useRef, useState } from 'react'
import type uPlot from 'uplot'
import { minute } from '../app/format'
import { inWords } from '../app/metrics/chart'
import type { ChartData } from '../app/metrics/chart'
import { useThemeChanges } from '../app/useThemeChanges'
import styles from './LiveChart.module.css'
import { createPlot } from './plot'

interface LiveChartProps {
  data: ChartData
  title: string
  format: (value: number) => string
}

/** A chart that moves on with its data; the numbers under the pointer stand above it. */
export function LiveChart({ data, title, format }: LiveChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(null)
  const [pointer, setPointer] = useState<number | null>(null)
  const theme = useThemeChanges()
  const columns = useMemo<uPlot.AlignedData>(() => [data.times, ...data.lines.map((l) => l.values)], [data])
  const latest = useRef({ columns, data, format })
  useEffect(() => {
    latest.current = { columns, data, format }
    plot.current?.setData(columns)
  }, [columns, data, format])

  useEffect(() => {
    const host = box.current
    if (!host) return
    const { data: first, columns: values } = latest.current
    const chart = createPlot(host, first, values, (v) => latest.current.format(v), setPointer)
    plot.current = chart
    const resized = new ResizeObserver(() =>
      chart.setSize({ width: host.clientWidth, height: host.clientHeight }),
    )
    resized.observe(host)
    return () => {
      resized.disconnect()
      chart.destroy()
      plot.current = null
    }
  }, [theme])

  return (
    <figure className={styles.chart} aria-label={title}>
      <Legend data={data} at={pointer} format={format} />
      <div ref={box} className={styles.plot} aria-hidden="true" />
      <figcaption className="visually-hidden">{inWords(data, format)}</figcaption>
    </figure>
  )
}

interface LegendProps {
  data: ChartData
  /** The point under the pointer; null: the minute that runs. */
  at: number | null
  format: (value: number) => string
}

function Legend({ data, at: pointer, format }: LegendProps) {
  const at = pointer ?? data.times.length - 1
  const time = data.times[at]
  return (
    <p className={styles.legend}>
      <span>{pointer === null || time === undefined ? 'this minute' : minute(time * 1000)}</span>
      {data.lines.map(({ word, colour, dash, values }) => {
        const value = values[at] ?? null
        return (
          <span key={word} className={styles.key}>
            <svg width="15" height="4" aria-hidden="true">
              <line x1="0" y1="2" x2="15" y2="2" stroke={`var(${colour})`} strokeDasharray={dash.join(' ')} />
            </svg>
            {word} {value === null ? '–' : format(value)}
          </span>
        )
      })}
    </p>
  )
}
