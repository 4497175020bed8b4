import type { ResumePoint } from './cursor'
import { isNumber, isText, shape } from './guards'

/** Where a resume point survives a reload; sessionStorage in browsers. */
export type SessionStore = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

const isPoint = shape({ session: isText, after: isNumber })

/** Keeps the resume point; null removes it. Holds neither token nor data. Never throws: storage may be full or barred. */
export function saveResumePoint(store: SessionStore, key: string, point: ResumePoint | undefined): void {
  try {
    if (point) store.setItem(key, JSON.stringify(point))
    else store.removeItem(key)
  } catch {
    // Then the next page starts anew, as it would without storage.
  }
}

/** What another page load of this tab left, checked. */
export function loadResumePoint(store: SessionStore, key: string): ResumePoint | undefined {
  try {
    const point: unknown = JSON.parse(store.getItem(key) ?? 'null')
    return isPoint(point) ? (point as ResumePoint) : undefined
  } catch {
    return undefined
  }
}
