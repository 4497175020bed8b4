import type { QueryClient, QueryKey } from '@tanstack/react-query'
import { LIVE } from './keys'

/**
 * Watches the fetches of live queries. A snapshot is the past by the time it is in the cache: `arrived` is
 * told where the stream stood when the snapshot was asked for, in the same tick, before any component sees it.
 */
export class Fetches {
  private tick = 0
  private staleBefore = 0
  private readonly started = new Map<string, { tick: number; position: number }>()

  constructor(
    private readonly qc: QueryClient,
    private readonly position: () => number,
    private readonly arrived: (key: QueryKey, position: number) => void,
  ) {}

  /** Watches until the returned function is called. */
  watch(): () => void {
    return this.qc.getQueryCache().subscribe((event) => {
      const { queryHash } = event.query
      const queryKey = event.query.queryKey as QueryKey
      if (queryKey[0] !== LIVE) return
      if (event.type === 'removed') this.started.delete(queryHash)
      if (event.type !== 'updated') return
      const { action } = event
      if (action.type === 'fetch') this.started.set(queryHash, this.now())
      if (action.type === 'success' && !action.manual) this.ended(queryKey, queryHash)
    })
  }

  /**
   * Calls back when a fetch has succeeded that began since, and again after each failure, until the returned
   * function is called.
   */
  onReachable(listener: () => void): () => void {
    const begun = new Set<string>()
    let isAway = true
    return this.qc.getQueryCache().subscribe((event) => {
      if (event.type !== 'updated' || (event.query.queryKey as QueryKey)[0] !== LIVE) return
      const { action, query } = event
      if (action.type === 'fetch') begun.add(query.queryHash)
      if (action.type === 'error') isAway = true
      if (action.type !== 'success' || action.manual || !begun.delete(query.queryHash) || !isAway) return
      isAway = false
      listener()
    })
  }

  /** What was asked for until now may lack changes that will never come: it counts for nothing. */
  distrust(): void {
    this.staleBefore = ++this.tick
  }

  private now() {
    return { tick: ++this.tick, position: this.position() }
  }

  private ended(queryKey: QueryKey, hash: string): void {
    // Asked for before there was anybody to watch: then there was no stream either.
    const { tick, position } = this.started.get(hash) ?? { tick: 0, position: 0 }
    this.arrived(queryKey, position)
    // An invalidation does not restart a query that has no data yet; so it is fetched once more.
    if (tick < this.staleBefore) void this.qc.invalidateQueries({ queryKey, exact: true })
  }
}
