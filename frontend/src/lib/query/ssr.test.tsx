// @vitest-environment node
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { renderToString } from 'react-dom/server'
import { expect, it } from 'vitest'
import { LiveProvider, liveKeys, useLive, useLiveMetrics } from '.'

function Total() {
  const { metrics } = useLiveMetrics()
  return `${metrics?.total} ${useLive().ws.state}`
}

it('renders on a server with what was prefetched, and dials nothing', () => {
  const qc = new QueryClient()
  qc.setQueryData(liveKeys.summary, { total: 7 })
  const html = renderToString(
    <QueryClientProvider client={qc}>
      <LiveProvider token="t">
        <Total />
      </LiveProvider>
    </QueryClientProvider>,
  )
  expect(html).toBe('7 connecting')
})
