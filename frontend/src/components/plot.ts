import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { minute } from '../app/format'
import { lonely } from '../app/metrics/chart'
import type { ChartData } from '../app/metrics/chart'

const AXIS_FONT = '12px system-ui, sans-serif'
const Y_AXIS_PX = 64
const X_AXIS_PX = 24
/** Half of the longest label of the time axis: it may stand under the last point. */
const LABEL_OVERHANG_PX = 28

/** Draws a chart into an element; tells which point is under the pointer, null: none. */
export function createPlot(
  host: HTMLElement,
  data: ChartData,
  columns: uPlot.AlignedData,
  format: (value: number) => string,
  onPointer: (index: number | null) => void,
): uPlot {
  const style = getComputedStyle(document.documentElement)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const axis: uPlot.Axis = {
    stroke: colour('--text-muted'),
    font: AXIS_FONT,
    grid: { stroke: colour('--grid'), width: 1 },
    ticks: { show: false },
  }
  const options: uPlot.Options = {
    width: host.clientWidth || 300,
    height: host.clientHeight || 180,
    legend: { show: false },
    padding: [null, LABEL_OVERHANG_PX, null, null],
    cursor: { drag: { x: false, y: false }, points: { size: 6 } },
    scales: { y: { range: (_u, _min, max) => [0, Math.max(max, data.least) * 1.1] } },
    axes: [
      { ...axis, values: (_u, times) => times.map(clock), space: 64, size: X_AXIS_PX },
      { ...axis, values: (_u, values) => values.map(format), size: Y_AXIS_PX, space: 40 },
    ],
    series: [
      {},
      ...data.lines.map((line) => ({
        label: line.word,
        stroke: colour(line.colour),
        dash: [...line.dash],
        width: 1.5,
        spanGaps: false,
        points: { show: true, size: 4, filter: (u: uPlot, at: number) => lonely(u.data[at] ?? []) },
      })),
    ],
    hooks: { setCursor: [(u) => onPointer(u.cursor.idx ?? null)] },
  }
  return new uPlot(options, columns, host)
}

const clock = (seconds: number) => minute(seconds * 1000)
