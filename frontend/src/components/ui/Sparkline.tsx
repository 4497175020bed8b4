import styles from './Sparkline.module.css'
import { sparkPath } from './sparkPath'

const WIDTH = 120
const HEIGHT = 28

/** The course of a number, without axes; the number and its change say it in words. */
export function Sparkline({ points }: { points: readonly number[] }) {
  return (
    <svg
      className={styles.spark}
      viewBox={`0 -2 ${WIDTH} ${HEIGHT + 4}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <path d={sparkPath(points, WIDTH, HEIGHT)} />
    </svg>
  )
}
