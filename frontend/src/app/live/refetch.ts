import type { QueryClient, QueryKey } from '@tanstack/react-query'

const AT_MOST_EVERY_MS = 2000

/** Fetches some queries again, at once and then at most every two seconds, however often it is asked to. */
export class Refetch {
  private timer: ReturnType<typeof setTimeout> | undefined
  private isDue = false

  constructor(private readonly queries: readonly QueryKey[]) {}

  soon(qc: QueryClient): void {
    this.isDue = true
    if (this.timer === undefined) this.run(qc)
  }

  private run(qc: QueryClient): void {
    this.timer = undefined
    if (!this.isDue) return
    this.isDue = false
    for (const queryKey of this.queries) void qc.invalidateQueries({ queryKey })
    this.timer = setTimeout(() => this.run(qc), AT_MOST_EVERY_MS)
  }
}
