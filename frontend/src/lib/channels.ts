/** What a server subscribes a connection to that names nothing. */
export const DEFAULT_CHANNELS: readonly string[] = ['events', 'metrics']

/** One subscription, as the application sees it. */
export interface ChannelState {
  channel: string
  /** The server has confirmed it, or set it up by itself. */
  isLive: boolean
  /** Position in the change log of the last change it brought, or at which it began; null: none known. */
  seq: number | null
}

/** The channels an application wants; they outlive any one connection. Each knows its own seq. @internal */
export class Channels {
  private readonly added = new Set<string>()
  private readonly left = new Set<string>()
  private readonly pending = new Set<string>()
  private readonly seqs = new Map<string, number>()

  /** Without channels, the server's own choice is the base: unknown until a session tells it. */
  constructor(private base: readonly string[] | undefined) {}

  /** Each subscription there is or is to be. */
  get states(): ChannelState[] {
    return this.all().map((channel) => ({
      channel,
      isLive: this.isLive(channel),
      seq: this.seqs.get(channel) || null,
    }))
  }

  isLive(channel: string): boolean {
    return this.seqs.has(channel)
  }

  /** Remembers a channel. */
  add(channel: string): void {
    this.added.add(channel)
    this.left.delete(channel)
  }

  /** Forgets a channel. */
  remove(channel: string): void {
    for (const set of [this.added, this.pending, this.seqs]) set.delete(channel)
    this.left.add(channel)
  }

  /** For the address; undefined leaves the choice to the server. */
  forUrl(): string[] | undefined {
    return this.base && this.all()
  }

  /**
   * A connection began with these channels, all at this seq; they are the base where the application named none.
   * undefined: the server does not say, and has set up the base.
   */
  start(channels: readonly string[] | undefined, seq: number): void {
    this.base ??= channels
    this.seqs.clear()
    for (const channel of channels ?? this.base ?? DEFAULT_CHANNELS) this.seqs.set(channel, seq)
  }

  /** What frames have to ask for and to take back, given what the session has; undefined: no sessions here. */
  missing(have: readonly string[] | undefined): [subscribe: string[], unsubscribe: string[]] {
    const wanted = have ? this.all() : [...this.added]
    return [
      wanted.filter((channel) => !have?.includes(channel) && !this.pending.has(channel)),
      [...this.left].filter((channel) => have?.includes(channel) ?? true),
    ]
  }

  /** A subscribe frame went out. */
  sent(channel: string): void {
    this.pending.add(channel)
  }

  /** The server says that every matching change after seq will come. */
  confirmed(channel = '', seq: number): void {
    this.pending.delete(channel)
    if (this.added.has(channel)) this.seqs.set(channel, seq)
  }

  /** Nothing comes on a channel any more: it was left, or the token in force does not permit it. */
  ended(channel = ''): void {
    this.seqs.delete(channel)
  }

  /**
   * A change came; true: its channel brought it before. Changes come in order, so the highest seq of the
   * channel decides. One that has yet to be confirmed may tell of changes that others brought already.
   */
  isOld(channel: string, seq: number, connectionSeq: number): boolean {
    if (this.pending.has(channel)) return false
    if (seq <= (this.seqs.get(channel) ?? connectionSeq)) return true
    this.seqs.set(channel, seq)
    return false
  }

  /** State up to seq was skipped, of one channel or of all. */
  skipTo(seq: number, channel?: string): void {
    for (const known of channel === undefined ? this.seqs.keys() : [channel]) this.seqs.set(known, seq)
  }

  /** The connection is gone: its unanswered requests with it, and what was live. */
  connectionLost(): void {
    this.pending.clear()
    this.seqs.clear()
  }

  private all(): string[] {
    return [...new Set([...(this.base ?? DEFAULT_CHANNELS), ...this.added])].filter(
      (channel) => !this.left.has(channel),
    )
  }
}
