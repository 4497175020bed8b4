import { exchangeKey, refreshToken } from '../api/client'
import type { Credentials } from '../api/client'
import type { TokenAnswer } from '../api/types'
import type { Memory } from '../memory'
import { claimsOf } from './claims'

const STORAGE_KEY = 'apier.session'
/** What a tab keeps once it was signed out: a reload does not make it somebody else's. */
const SIGNED_OUT_HERE = 'null'
/** What says that a tab is the one in use. */
const USES = ['focus', 'pointerdown', 'keydown'] as const
// A token is renewed when this share of its life is left, in any case a minute ahead.
const RENEW_SHARE = 0.2
const RENEW_AHEAD_MS = 60_000
const LONGEST_TIMER_MS = 2_147_000_000

interface Stored {
  token: string
  /** Milliseconds since the epoch. */
  expiresAt: number
  renewAt: number
}

/** What the page knows of who it is. */
export interface SessionState {
  readonly token: string | null
  readonly scopes: readonly string[] | null
  /** Who it is; another one is another page. null: signed out. */
  readonly identity: string | null
  /** Why there is no token, where there was one. */
  readonly reason: string | null
}

const SIGNED_OUT: SessionState = { token: null, scopes: null, identity: null, reason: null }

// A token that is not a JWT stands for itself.
const identityOf = (token: string): string => claimsOf(token)?.identity ?? token

/** When a token that lives for `ms` is due for renewal, counted from `now`. */
export function renewalTime(now: number, ms: number): number {
  return now + Math.max(0, ms - Math.max(RENEW_AHEAD_MS, ms * RENEW_SHARE), ms / 2)
}

function parseStored(text: string | null): Stored | null {
  try {
    const v = JSON.parse(text ?? 'null') as Partial<Stored> | null
    if (!v || typeof v.token !== 'string' || typeof v.expiresAt !== 'number') return null
    return { token: v.token, expiresAt: v.expiresAt, renewAt: v.renewAt ?? v.expiresAt - RENEW_AHEAD_MS }
  } catch {
    return null
  }
}

/**
 * Holds the token; never the API key. An identity belongs to its tab: the tab keeps it, whoever signs in elsewhere.
 * What all tabs share only says whose tab was used last, for a tab that is new, and brings renewals and the sign-out
 * to tabs of the same identity.
 */
export class Session implements Credentials {
  private state: SessionState = SIGNED_OUT
  private stored: Stored | null = null
  private renewal: Promise<string | null> | null = null
  private timer: ReturnType<typeof setTimeout> | undefined
  private readonly listeners = new Set<() => void>()

  constructor(
    private readonly shared: Memory,
    private readonly own: Memory,
    private readonly now: () => number = Date.now,
  ) {
    const stored = this.firstStored()
    if (stored) own.setItem(STORAGE_KEY, JSON.stringify(stored))
    this.adopt(stored, null)
  }

  // A tab that is new is the tab used last; one that was signed out stays so, whoever else is signed in.
  private firstStored(): Stored | null {
    const kept = this.own.getItem(STORAGE_KEY)
    const shared = parseStored(this.shared.getItem(STORAGE_KEY))
    if (kept === null) return shared
    const own = parseStored(kept)
    if (!own || !shared || identityOf(own.token) !== identityOf(shared.token)) return own
    return own.expiresAt < shared.expiresAt ? shared : own
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  readonly getState = (): SessionState => this.state

  /** Keeps tokens fresh and follows other tabs, until the returned function is called. */
  start(win: Window): () => void {
    const onStorage = (e: StorageEvent) => {
      if (e.storageArea === null || e.storageArea === win.localStorage) this.heard(e)
    }
    const onVisible = () => void this.token()
    const onUse = () => this.used()
    win.addEventListener('storage', onStorage)
    win.document.addEventListener('visibilitychange', onVisible)
    for (const type of USES) win.addEventListener(type, onUse, true)
    this.schedule()
    return () => {
      win.removeEventListener('storage', onStorage)
      win.document.removeEventListener('visibilitychange', onVisible)
      for (const type of USES) win.removeEventListener(type, onUse, true)
      clearTimeout(this.timer)
    }
  }

  /** Signs in with an API key; throws what the server objects to. */
  async signIn(key: string): Promise<void> {
    this.keep(await exchangeKey(key), true)
  }

  signOut(reason: string | null = null): void {
    this.own.setItem(STORAGE_KEY, SIGNED_OUT_HERE)
    const shared = parseStored(this.shared.getItem(STORAGE_KEY))
    if (shared && this.isMine(shared)) this.shared.removeItem(STORAGE_KEY)
    this.adopt(null, reason)
  }

  // A link that is opened in a new tab, or a sign-out for all tabs, is by the identity of the tab it was done in.
  private used(): void {
    if (this.stored && !this.isLast()) this.shared.setItem(STORAGE_KEY, JSON.stringify(this.stored))
  }

  private isMine(stored: Stored): boolean {
    return this.stored !== null && identityOf(stored.token) === identityOf(this.stored.token)
  }

  // Another tab has signed in, renewed its token or signed out. That of another identity is not ours to follow.
  private heard(e: Pick<StorageEvent, 'key' | 'oldValue' | 'newValue'>): void {
    if (e.key === null) return this.signOut() // all was cleared
    if (e.key !== STORAGE_KEY || !this.stored) return
    const [before, after] = [parseStored(e.oldValue), parseStored(e.newValue)]
    if (after ? this.isMine(after) : before && this.isMine(before)) {
      if (after) this.own.setItem(STORAGE_KEY, JSON.stringify(after))
      else this.own.setItem(STORAGE_KEY, SIGNED_OUT_HERE)
      this.adopt(after, null)
    }
  }

  /** The token to use now, renewed first when due. */
  token(): Promise<string | null> {
    const s = this.stored
    if (!s) return Promise.resolve(null)
    if (this.now() >= s.expiresAt) {
      this.signOut('Your session has expired.')
      return Promise.resolve(null)
    }
    return this.now() >= s.renewAt ? this.renew(s) : Promise.resolve(s.token)
  }

  /** A fresh token if it can be had, whatever the age of the present one. */
  fresh(): Promise<string | null> {
    return this.stored ? this.renew(this.stored) : Promise.resolve(null)
  }

  refused(token: string): void {
    if (token === this.stored?.token) this.signOut('The server no longer accepts your session.')
  }

  private renew(from: Stored): Promise<string | null> {
    if (this.renewal) return this.renewal
    const renewal = refreshToken(from.token)
      // Signed out meanwhile, or signed in as another: then it is nobody's.
      .then((answer) =>
        this.stored === from ? this.keep(answer, this.isLast()) : (this.stored?.token ?? null),
      )
      .catch((error: unknown) => this.renewalFailed(from, error))
      .finally(() => {
        if (this.renewal === renewal) this.renewal = null
      })
    this.renewal = renewal
    return renewal
  }

  private renewalFailed(from: Stored, error: unknown): string | null {
    const status = (error as { status?: number }).status
    if (status === 401 || status === 403) this.refused(from.token)
    // The server may only be away for a moment; the token is still good.
    else if (this.stored === from) this.adopt({ ...from, renewAt: this.now() + 15_000 }, null)
    return this.stored?.token ?? null
  }

  // Whether the identity that was used last, in whatever tab, is ours.
  private isLast(): boolean {
    const shared = parseStored(this.shared.getItem(STORAGE_KEY))
    return shared !== null && this.isMine(shared)
  }

  private keep(answer: TokenAnswer, share: boolean): string {
    const ms = answer.expires_in * 1000
    const now = this.now()
    const stored = { token: answer.access_token, expiresAt: now + ms, renewAt: renewalTime(now, ms) }
    this.own.setItem(STORAGE_KEY, JSON.stringify(stored))
    if (share) this.shared.setItem(STORAGE_KEY, JSON.stringify(stored))
    this.adopt(stored, null)
    return stored.token
  }

  private adopt(stored: Stored | null, reason: string | null): void {
    if (stored?.token !== this.stored?.token) this.renewal = null
    this.stored = stored && this.now() < stored.expiresAt ? stored : null
    const expired = stored && !this.stored ? 'Your session has expired.' : null
    const token = this.stored?.token ?? null
    if (token !== this.state.token || !token) {
      this.state = token
        ? { token, scopes: claimsOf(token)?.scopes ?? null, identity: identityOf(token), reason: null }
        : { ...SIGNED_OUT, reason: reason ?? expired }
    }
    this.schedule()
    for (const listener of [...this.listeners]) listener()
  }

  private schedule(): void {
    clearTimeout(this.timer)
    if (!this.stored) return
    const wait = Math.max(1000, this.stored.renewAt - this.now())
    this.timer = setTimeout(() => void this.token(), Math.min(wait, LONGEST_TIMER_MS))
  }
}
