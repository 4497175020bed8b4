/** The channels an application wants; they outlive any one connection. */
export class Subscriptions {
  private readonly added = new Set<string>()
  private readonly left = new Set<string>()
  private readonly pending = new Set<string>()

  /** Without channels, the server's own choice is the base: unknown until a session tells it. */
  constructor(private base: readonly string[] | undefined) {}

  /** Remembers a channel. */
  add(channel: string): void {
    this.added.add(channel)
    this.left.delete(channel)
  }

  /** Forgets a channel. */
  remove(channel: string): void {
    this.added.delete(channel)
    this.pending.delete(channel)
    this.left.add(channel)
  }

  /** For the address; undefined leaves the choice to the server. */
  forUrl(): readonly string[] | undefined {
    return this.base && this.all(this.base)
  }

  /** Takes a session's channels as the base, where the application named none. */
  adopt(channels: readonly string[] | undefined): void {
    this.base ??= channels
  }

  /** What a frame has to ask for, given what the session has; without sessions, what was added. */
  toSubscribe(have: readonly string[] | undefined): string[] {
    const wanted = have && this.base ? this.all(this.base) : [...this.added]
    return wanted.filter((channel) => !have?.includes(channel) && !this.pending.has(channel))
  }

  /** What a frame has to take back, given what the session has; without sessions, what was left. */
  toUnsubscribe(have: readonly string[] | undefined): string[] {
    return [...this.left].filter((channel) => have?.includes(channel) ?? true)
  }

  /** A subscribe frame went out. */
  sent(channel: string): void {
    this.pending.add(channel)
  }

  /** The server echoed the subscription. */
  confirmed(channel: string | undefined): void {
    if (channel !== undefined) this.pending.delete(channel)
  }

  /** The connection is gone, and its unanswered requests with it. */
  connectionLost(): void {
    this.pending.clear()
  }

  /** While a subscription starts, its snapshot may be older than what was seen by others. */
  get isStarting(): boolean {
    return this.pending.size > 0
  }

  private all(base: readonly string[]): string[] {
    return [...new Set([...base, ...this.added])].filter((channel) => !this.left.has(channel))
  }
}
