import { notifyManager } from '@tanstack/react-query'
import type { QueryClient } from '@tanstack/react-query'
import type { ApiEvent } from '../api/types'
import type { Outgoing, Row } from '../../lib/query/outgoing'
import { rowOf } from '../../lib/query/outgoing'
import { remove, upsert } from '../../lib/query/list'
import type { Counters } from '../metrics/figures'
import { keys } from '../queries'
import { Recent, fetchBefore, isWebhookFrame, startsEndpoints, writeWebhooks } from '../webhooks/live'
import { updateLists, writeChanges, writeCounters } from './caches'
import { changeOf, fold, merge } from '../../lib/query/change'
import type { Change, Envelope } from '../../lib/query/change'
import { Journal } from '../../lib/query/journal'

const HELD_AT_MOST = 10_000
const FETCHED_ONE_BY_ONE = 20
const FETCH_DELAY_MS = 300
// Frames of animation do not come while the tab is hidden.
const FLUSH_AT_LATEST_MS = 200

/** What the page shows of a pause. */
export interface PauseState {
  readonly paused: boolean
  /** Changes that came in meanwhile. */
  readonly missed: number
}

/** Brings what the WebSocket tells into the caches: one write per animation frame, none while paused. */
export class LiveSync {
  readonly journal = new Journal()
  readonly recentWebhooks = new Recent()
  private queue: Change[] = []
  private counters: { data: Counters; seq: number | undefined } | null = null
  private webhooks: Envelope[] = []
  private held: Change[] = []
  private stale = false
  private flushing = false
  private refetching = false
  private missing = new Set<string>()
  private pause: PauseState = { paused: false, missed: 0 }
  private readonly listeners = new Set<() => void>()

  constructor(
    private readonly qc: QueryClient,
    private readonly fetchEvent: (id: string) => Promise<ApiEvent>,
  ) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  readonly getPause = (): PauseState => this.pause

  /** Takes one message of the WebSocket. */
  receive(message: Envelope): void {
    const change = changeOf(message)
    if (change) this.queue.push(change)
    else if (message.type === 'metrics_update') {
      this.counters = { data: message.data as Counters, seq: message.seq }
    } else if (isWebhookFrame(message)) this.webhooks.push(message)
    else if (startsEndpoints(message)) return fetchBefore(this.qc, message.seq ?? 0)
    else return
    this.scheduleFlush()
  }

  /** Fetches again everything that is on the page; several calls at once are one. */
  refetch(): void {
    if (this.pause.paused) this.stale = true
    if (this.pause.paused || this.refetching) return
    this.refetching = true
    setTimeout(() => {
      this.refetching = false
      void this.qc.invalidateQueries({ queryKey: keys.live })
    }, 0)
  }

  setPaused(paused: boolean): void {
    if (paused === this.pause.paused) return
    this.flush()
    this.setPause({ paused, missed: 0 })
    if (paused) return
    const held = this.held
    this.held = []
    if (this.stale) this.refetch()
    this.stale = false
    this.write(held)
  }

  /** The server has taken an event in. */
  accepted(out: Outgoing, event: Pick<ApiEvent, 'id' | 'status' | 'created_at' | 'seq'>): void {
    const row: Row = { ...rowOf(out), ...event, updated_at: event.created_at }
    delete row.sending
    this.store(row, out)
  }

  /** An event as a request of our own has just brought it. */
  store(event: ApiEvent, out?: Outgoing): void {
    const newer = fold(this.journal.since(event.seq).changes).get(event.id)
    if (newer?.kind === 'deleted') return this.setOutgoing((all) => all.filter((o) => o !== out))
    const now = newer ? merge(event, newer) : event
    notifyManager.batch(() => {
      if (out) this.setOutgoing((all) => all.filter((o) => o.key !== out.key))
      updateLists(this.qc, (pages, filters) => upsert(pages, now, filters))
      this.qc.setQueryData<ApiEvent | null>(keys.event(now.id), (known) => known && { ...known, ...now })
    })
  }

  /** An event that we have erased. */
  erased(id: string): void {
    notifyManager.batch(() => {
      updateLists(this.qc, (pages) => remove(pages, id))
      this.qc.setQueryData<ApiEvent | null>(keys.event(id), (known) => known && null)
    })
  }

  setOutgoing(change: (all: readonly Outgoing[]) => readonly Outgoing[]): void {
    this.qc.setQueryData<readonly Outgoing[]>(keys.outgoing, (all) => change(all ?? []))
  }

  /** Writes now what waits for the next animation frame. */
  flush(): void {
    const changes = this.queue
    this.queue = []
    this.journal.add(changes)
    if (this.pause.paused) this.hold(changes)
    else this.write(changes)
  }

  private scheduleFlush(): void {
    if (this.flushing) return
    this.flushing = true
    const run = () => {
      if (!this.flushing) return
      this.flushing = false
      cancelAnimationFrame(frame)
      clearTimeout(timer)
      this.flush()
    }
    const frame = requestAnimationFrame(run)
    const timer = setTimeout(run, FLUSH_AT_LATEST_MS)
  }

  private hold(changes: readonly Change[]): void {
    // Of webhooks nothing is kept: they are fetched again when the page goes on.
    if (this.webhooks.length > 0) this.stale = true
    this.webhooks = []
    if (this.held.length + changes.length > HELD_AT_MOST) {
      this.stale = true
      this.held = []
    } else this.held.push(...changes)
    if (changes.length > 0) this.setPause({ paused: true, missed: this.pause.missed + changes.length })
  }

  private write(changes: readonly Change[]): void {
    const { counters, webhooks } = this
    this.recentWebhooks.add(webhooks)
    this.counters = null
    this.webhooks = []
    notifyManager.batch(() => {
      if (changes.length > 0) this.fetchSoon(writeChanges(this.qc, changes))
      if (counters) writeCounters(this.qc, counters.data, counters.seq)
      if (webhooks.length > 0) writeWebhooks(this.qc, webhooks)
    })
  }

  // A filtered list gains an event whose frame tells only its status: the rest has to be fetched.
  private fetchSoon(ids: readonly string[]): void {
    if (ids.length === 0) return
    const waiting = this.missing.size > 0
    for (const id of ids) this.missing.add(id)
    if (!waiting) setTimeout(() => this.fetchMissing(), FETCH_DELAY_MS)
  }

  private fetchMissing(): void {
    const ids = [...this.missing]
    this.missing.clear()
    if (ids.length > FETCHED_ONE_BY_ONE) void this.qc.invalidateQueries({ queryKey: keys.lists })
    else for (const id of ids) this.fetchEvent(id).then((event) => this.store(event), ignoreGone)
  }

  private setPause(pause: PauseState): void {
    this.pause = pause
    for (const listener of [...this.listeners]) listener()
  }
}

// Deleted meanwhile, or the server is away: the next refetch shows what is true.
const ignoreGone = () => undefined
