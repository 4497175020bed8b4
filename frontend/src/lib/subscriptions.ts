/** What the server subscribes a connection to that names no channels. */
const SERVER_DEFAULTS = ['events', 'metrics']

/** The channels an application wants; they outlive any one connection. */
export class Subscriptions {
  private readonly wanted: Set<string>
  private readonly asked = new Set<string>()
  private readonly pending = new Set<string>()
  private chosen: boolean

  constructor(channels?: readonly string[]) {
    this.chosen = channels !== undefined
    this.wanted = new Set(channels ?? SERVER_DEFAULTS)
  }

  /** Remembers a channel; its frames may tell of old changes until the server has confirmed it. */
  add(channel: string): void {
    this.chosen = true
    this.wanted.add(channel)
    this.asked.add(channel)
  }

  /** Forgets a channel. */
  remove(channel: string): void {
    this.chosen = true
    this.wanted.delete(channel)
    this.asked.delete(channel)
    this.pending.delete(channel)
  }

  /** For the address; undefined leaves the choice to the server. */
  forUrl(): readonly string[] | undefined {
    return this.chosen ? [...this.wanted] : undefined
  }

  /** What still has to be asked for by frames, given what a session has; without one, what was added. */
  missing(have: readonly string[] | undefined): string[] {
    if (!have) return [...this.asked]
    return this.chosen ? [...this.wanted].filter((channel) => !have.includes(channel)) : []
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

  /** While a subscription starts, its snapshot may be older than what was seen on others. */
  get isStarting(): boolean {
    return this.pending.size > 0
  }
}
