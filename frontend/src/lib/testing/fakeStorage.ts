import type { SessionStore } from '../persistence'

/** A sessionStorage that lives as long as the test keeps it. */
export class FakeStorage implements SessionStore {
  readonly items = new Map<string, string>()

  getItem(key: string): string | null {
    return this.items.get(key) ?? null
  }

  setItem(key: string, value: string): void {
    this.items.set(key, value)
  }

  removeItem(key: string): void {
    this.items.delete(key)
  }
}
