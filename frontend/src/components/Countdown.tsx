'use client'

import { useEffect, useState } from 'react'

/** Props of Countdown. */
export interface CountdownProps {
  /** When it ends, milliseconds since the epoch; absent: delay from now on. */
  until?: number | undefined
  /** Milliseconds. */
  delay: number
}

/** Counts down in whole seconds. A leaf of its own, so that a tick renders nothing else. */
export function Countdown({ until, delay }: CountdownProps) {
  const [mountedAt] = useState(Date.now)
  const end = until ?? mountedAt + delay
  const left = end - useNow(end)
  return left > 0 ? <span>in {Math.ceil(left / 1000)} s</span> : <span>now</span>
}

/** The time, brought up to date at each whole second before end. */
function useNow(end: number): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const left = end - now
    if (left <= 0) return
    const timer = setTimeout(() => setNow(Date.now()), left % 1000 || 1000)
    return () => clearTimeout(timer)
  }, [end, now])
  return now
}
