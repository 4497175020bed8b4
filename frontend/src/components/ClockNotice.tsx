import { serverClock, skewInWords } from '../app/clock'
import { useNow } from '../app/now'
import { Alert } from './ui/Alert'

const LOOK_MS = 10_000

/** Tells a reader whose clock is off, so that times are not taken for wrong; nothing where it is right. */
export function ClockNotice() {
  useNow(LOOK_MS)
  const words = skewInWords(serverClock.skew())
  if (!words) return null
  return (
    <Alert tone="warn" testId="clock-notice">
      <p>{words} Times and figures here go by the server&apos;s clock.</p>
    </Alert>
  )
}
