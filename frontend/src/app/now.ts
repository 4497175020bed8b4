import { useEffect, useState } from 'react'

/** The time, in milliseconds, kept up to date at an interval. For leaves only: each tick is a render. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const tick = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(tick)
  }, [everyMs])
  return now
}
