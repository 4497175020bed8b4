import type { Page, PageSignal } from '../env'

/** A tab that the test shows, hides and freezes. */
export class FakePage implements Page {
  hidden = false
  /** Those who listen; none may be left when a client has ended. */
  readonly listeners = new Set<(signal: PageSignal) => void>()

  isHidden(): boolean {
    return this.hidden
  }

  listen(listener: (signal: PageSignal) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  signal(signal: PageSignal): void {
    for (const listener of [...this.listeners]) listener(signal)
  }

  hide(): void {
    this.hidden = true
    this.signal('hidden')
  }

  show(): void {
    this.hidden = false
    this.signal('wake')
  }
}
