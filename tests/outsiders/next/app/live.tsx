'use client'

import { useLiveMetrics } from '@apier/client/query'

export function Live() {
  const { metrics } = useLiveMetrics()
  return <p>{`total ${metrics?.total}`}</p>
}
