import { notifyManager } from '@tanstack/react-query'
import type { QueryClient, QueryKey } from '@tanstack/react-query'
import { eventAfter, updateLists, withPages, write, writeChanges, writeCounters } from './caches'
import type { EventList } from './caches'
import { changeOf, fold, merge } from './change'
import type { Change, Envelope } from './change'
import { withCounters } from './counters'
import type { Counters } from './counters'
import { Fetches } from './fetches'
import { Journal } from './journal'
import { filtersOfKey, liveKeys } from './keys'
import { applyChanges, remove, upsert } from './list'
import { rowOf } from './outgoing'
import type { Outgoing, Row } from './outgoing'
import type { ApiEvent, Summary } from './types'

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

/** Counters as a frame told them. */
export interface CountersFrame {
  data: Counters
  seq: number | undefined
}

/** What came since the last write. */
export interface News {
  changes: readonly Change[]
  counters: CountersFrame | null
  /** Frames that only the follower wants. */
  frames: readonly Envelope[]
}

/** What else of a page follows the stream, besides events and counters. */
export interface Follower {
  /** Is shown each frame that is neither a change of an event nor counters; true: it is kept for `write`. */
  receive(qc: QueryClient, message: Envelope): boolean
  /** Writes into caches of its own, in the batch that writes the others. */
  write(qc: QueryClient, news: News): void
  /** Changes may have been missed: what was heard so far is worth nothing, and everything is fetched again. */
  resync?(): void
}

/**
 * Brings what the WebSocket tells into the caches: one write per animation frame, none while paused; and
 * brings each snapshot up to date as it arrives.
 */
export class LiveSync {
  readonly journal = new Journal()
  private readonly fetches: Fetches
  private queue: Change[] = []
  private frames: Envelope[] = []
  private counters: CountersFrame | null = null
  private latestCounters: CountersFrame | null = null
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
    private readonly follower?: Follower,
  ) {
    this.fetches = new Fetches(
      qc,
      () => this.journal.position,
      (key, position) => this.arrived(key, position),
    )
  }

  /** Watches what is fetched, until the returned function is called; then the caches count as old. */
  start(): () => void {
    const stop = this.fetches.watch()
    return () => {
      stop()
      void this.qc.invalidateQueries({ queryKey: liveKeys.all, refetchType: 'none' })
    }
  }

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
      this.latestCounters = this.counters = { data: message.data as Counters, seq: message.seq }
    } else if (this.follower?.receive(this.qc, message)) this.frames.push(message)
    else return
    this.scheduleFlush()
  }

  /**
   * Calls back when a fetch has succeeded that began since, and again after each failure, until the returned
   * function is called: the server is there.
   */
  onReachable(listener: () => void): () => void {
    return this.fetches.onReachable(listener)
  }

  /** Fetches again everything that is on the page; several calls at once are one. */
  refetch(): void {
    if (this.pause.paused) this.stale = true
    if (this.pause.paused || this.refetching) return
    this.refetching = true
    this.fetches.distrust()
    setTimeout(() => {
      this.refetching = false
      void this.qc.invalidateQueries({ queryKey: liveKeys.all })
    }, 0)
  }

  /** Changes may have been missed, and the server may count anew: what was heard so far is worth nothing. */
  resync(): void {
    this.journal.clear()
    this.latestCounters = null
    this.held = []
    this.follower?.resync?.()
    this.refetch()
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
      write<ApiEvent | null>(
        this.qc,
        liveKeys.event(now.id),
        (known) => known && (known.seq > now.seq ? known : { ...known, ...now }),
      )
    })
  }

  /** An event that we have erased. */
  erased(id: string): void {
    notifyManager.batch(() => {
      updateLists(this.qc, (pages) => remove(pages, id))
      write<ApiEvent | null>(this.qc, liveKeys.event(id), (known) => known && null)
    })
  }

  setOutgoing(change: (all: readonly Outgoing[]) => readonly Outgoing[]): void {
    this.qc.setQueryData<readonly Outgoing[]>(liveKeys.outgoing, (all) => change(all ?? []))
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
    // Of the follower's frames nothing is kept: what they tell of is fetched when the page goes on.
    if (this.frames.length > 0) this.stale = true
    this.frames = []
    if (this.held.length + changes.length > HELD_AT_MOST) {
      this.stale = true
      this.held = []
    } else this.held.push(...changes)
    if (changes.length > 0) this.setPause({ paused: true, missed: this.pause.missed + changes.length })
  }

  private write(changes: readonly Change[]): void {
    const { counters, frames } = this
    this.counters = null
    this.frames = []
    notifyManager.batch(() => {
      if (changes.length > 0) this.fetchSoon(writeChanges(this.qc, changes))
      if (counters) writeCounters(this.qc, counters.data, counters.seq)
      this.follower?.write(this.qc, { changes, counters, frames })
    })
  }

  /** A snapshot is in the cache: what the stream told meanwhile is written into it. */
  private arrived(key: QueryKey, position: number): void {
    const [, kind, id] = key
    if (kind === 'events') this.joinList(key, position)
    else if (kind === 'event' && typeof id === 'string') this.joinEvent(key, id)
    else if (kind === 'summary' && this.latestCounters?.seq !== undefined) {
      const { data, seq } = this.latestCounters
      this.qc.setQueryData<Summary>(key, (summary) => withCounters(summary, data, seq))
    }
  }

  // The pages that were there before the fetch come back as they were when it started.
  private joinList(key: QueryKey, position: number): void {
    const list = this.qc.getQueryData<EventList>(key)
    if (!list) return
    const readAt = Math.max(...list.pages.map((page) => page.seq))
    const { changes, complete } = this.journal.missedBy(position, readAt)
    if (!complete) this.refetch()
    if (changes.length === 0) return
    const applied = applyChanges(list.pages, changes, filtersOfKey(key))
    this.qc.setQueryData<EventList>(key, withPages(list, applied.pages))
    this.fetchSoon(applied.missing)
  }

  private joinEvent(key: QueryKey, id: string): void {
    this.qc.setQueryData<ApiEvent | null>(key, (event) => {
      const change = event && fold(this.journal.since(event.seq).changes).get(id)
      return event && change ? eventAfter(event, change) : event
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
    if (ids.length > FETCHED_ONE_BY_ONE) void this.qc.invalidateQueries({ queryKey: liveKeys.lists })
    else for (const id of ids) this.fetchEvent(id).then((event) => this.store(event), ignoreGone)
  }

  private setPause(pause: PauseState): void {
    this.pause = pause
    for (const listener of [...this.listeners]) listener()
  }
}

// Deleted meanwhile, or the server is away: the next refetch shows what is true.
const ignoreGone = () => undefined
