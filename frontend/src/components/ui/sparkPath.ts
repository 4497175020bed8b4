/** The path of a sparkline in a box of w × h; a constant course runs along the bottom. */
export function sparkPath(points: readonly number[], w: number, h: number): string {
  if (points.length < 2) return `M0 ${h}H${w}`
  const low = Math.min(...points)
  const span = Math.max(...points) - low
  const y = (v: number) => (span === 0 ? h : h - ((v - low) / span) * h)
  const step = w / (points.length - 1)
  return points.map((v, i) => `${i === 0 ? 'M' : 'L'}${(i * step).toFixed(1)} ${y(v).toFixed(1)}`).join('')
}
