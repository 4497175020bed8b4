import { useEffect, useState } from 'react'
import { serverClock } from './clock'

/** The server's time, in milliseconds, kept up to date at an interval. For leaves only: each tick is a render. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(serverClock.now)
  useEffect(() => {
    const look = () => setNow(serverClock.now())
    const tick = setInterval(look, everyMs)
    const stop = serverClock.subscribe(look)
    return () => {
      clearInterval(tick)
      stop()
    }
  }, [everyMs])
  return now
}
