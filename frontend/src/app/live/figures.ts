import type { QueryClient } from '@tanstack/react-query'
import { write } from '../../lib/query/caches'
import type { Change, Envelope } from '../../lib/query/change'
import { isNewer } from '../../lib/query/change'
import type { Counters } from '../../lib/query/counters'
import type { Follower, News } from '../../lib/query/sync'
import type { ErrorFigures, Latency, Throughput } from '../api/types'
import { isUncounted, tally, withHeadline, withLatency, withThroughput } from '../metrics/figures'
import { withFailures } from '../metrics/topErrors'
import { keys } from '../queries'
import { Refetch } from './refetch'
import { Recent, fetchBefore, isWebhookFrame, startsEndpoints, writeWebhooks } from '../webhooks/live'

/** What the dashboard follows besides events and counters: its charts, its errors and the webhooks. */
export class DashboardFollower implements Follower {
  readonly recentWebhooks = new Recent()
  // What a frame cannot tell is fetched, however many frames there are.
  private readonly endpoints = new Refetch([keys.endpoints])
  private readonly figures = new Refetch([keys.allThroughput, keys.allLatency])

  resync(): void {
    this.recentWebhooks.clear()
  }

  receive(qc: QueryClient, message: Envelope): boolean {
    if (startsEndpoints(message)) fetchBefore(qc, message.seq ?? 0)
    return isWebhookFrame(message)
  }

  write(qc: QueryClient, { changes, counters, frames }: News): void {
    if (changes.length > 0) writeFigures(qc, changes)
    if (changes.some(isUncounted)) this.figures.soon(qc)
    if (counters) writeHeadlines(qc, counters.data)
    if (frames.length === 0) return
    this.recentWebhooks.add(frames)
    if (writeWebhooks(qc, frames)) this.endpoints.soon(qc)
  }
}

function writeFigures(qc: QueryClient, changes: readonly Change[]): void {
  const after = (seq: number) => tally(changes.filter((c) => isNewer(c, seq)))
  for (const range of ['15m', '1h', '24h'] as const) {
    write<Throughput>(qc, keys.throughput(range), (t) => t && withThroughput(t, after(t.seq)))
    write<Latency>(qc, keys.latency(range), (l) => l && withLatency(l, after(l.seq)))
  }
  write<ErrorFigures>(qc, keys.errors, (figures) => figures && withFailures(figures, changes))
}

function writeHeadlines(qc: QueryClient, counters: Counters): void {
  write<Latency>(qc, keys.latency('1h'), (l) => l && withHeadline(l, counters))
}
