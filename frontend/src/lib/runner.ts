import type { ClientEnv, PageSignal, Timer } from './env'
import { isText } from './guards'
import { tell } from './handlers'
import { BAD_URL } from './errors'
import { Link } from './link'
import { initialMachine, nextDeadline, snapshotOf } from './machine'
import type { Machine, MachineEvent } from './machine'
import type { WebSocketState } from './messages'
import type { Credential, Settings, TokenReason } from './options'
import { isTemporary, repeatAfter } from './channels'
import { Renewal } from './renewal'
import { step } from './step'
import { Store } from './store'
import type { ConnectionError, ConnectionSnapshot } from './store'
import type { Attempt } from './url'

/** A timer that is set for longer fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Whether what an application gave is what it may give: a token, a ticket, or nothing. */
const isCredential = (given: unknown): boolean =>
  isText((given as { ticket?: unknown } | null)?.ticket ?? given ?? '')

/** Whom a runner works for. @internal */
export interface RunnerOwner {
  /** Where to dial, and with what. */
  address(credential: Credential): Attempt
  /** What is wrong while the connection is not. */
  readonly error: ConnectionError | null
  /** A connection is usable; again: another one was before it. */
  ready(again: boolean): void
  received(raw: unknown): void
  /** A heartbeat ping is due. */
  ping(): void
  /** The link is gone. */
  dropped(code: number): void
  pageSignal(signal: PageSignal): void
  /** Does what else is due; returns when to be asked again, milliseconds since the epoch. */
  due(now: number): number
}

/** Runs the state machine on a real clock, network and page: feeds it events and carries out its effects. @internal */
export class Runner {
  readonly store: Store<ConnectionSnapshot>
  machine: Machine
  link: Link | null = null
  private timer: Timer | undefined
  private stopListening: (() => void) | undefined
  private lastId = 0
  /** Answers of getToken to what was asked before count no more. */
  private round = {}

  constructor(
    readonly env: ClientEnv,
    public settings: Settings,
    private readonly owner: RunnerOwner,
    startsAs: WebSocketState,
  ) {
    this.machine = initialMachine(startsAs)
    this.store = new Store(snapshotOf(this.machine))
  }

  /** Lets one event happen. What handlers do meanwhile happens at once, inside. */
  run(event: MachineEvent): void {
    const { env, settings } = this
    const next = step(this.machine, event, {
      now: env.now(),
      random: () => env.random(),
      hidden: env.page?.isHidden() ?? false,
      settings,
    })
    this.machine = next
    const { ping, drop, dial, closed, ready } = next.effects
    if (ping) this.owner.ping()
    if (!next.wanted) this.round = {}
    if (drop !== undefined) {
      this.link?.abandon(drop)
      this.link = null
      this.owner.dropped(drop)
    }
    if (dial) this.dial()
    this.show()
    this.arm()
    // Handlers come last: they see the state they are told of, and may change it.
    if (closed) tell(this.settings, 'onClose')
    if (ready !== undefined && this.machine.link === 'ready') this.owner.ready(ready)
  }

  /** Looks at all deadlines anew. */
  arm(): void {
    const { env, machine } = this
    const at = Math.min(nextDeadline(machine), this.owner.due(env.now()))
    if (this.timer !== undefined) env.clearTimeout(this.timer)
    const tick = () => this.run({ type: 'tick' })
    const wait = Math.min(Math.max(0, at - env.now()), LONGEST_TIMER_MS)
    this.timer = at === Infinity ? undefined : env.setTimeout(tick, wait)
  }

  /** Sends where the connection is usable; false: it did not go out. */
  send(frame: object): boolean {
    return this.machine.link === 'ready' && this.link?.send(frame) === true
  }

  /** An id for a frame that the client sends by itself. */
  nextId(): string {
    return `apier-${++this.lastId}`
  }

  /** Asks for another token, if it is time to; returns when to be asked again, milliseconds since the epoch. */
  renew(now: number): number {
    const { link } = this
    const renewal = link?.renewal
    if (!renewal?.at) return Infinity
    if (renewal.at > now) return renewal.at
    renewal.at = 0
    this.askToken(
      'expiring',
      (next) => this.offer(next),
      () => this.repeatRenewal(),
      () => link === this.link,
    )
    return renewal.at || Infinity
  }

  /** The server has accepted the token that was offered. */
  renewed(): void {
    const { link } = this
    if (!link) return
    link.credential = link.renewal.offered ?? link.credential
    link.renewal = new Renewal(this.env.now())
  }

  /** It has not: the one in force stays, and the newest is tried again, at the latest with the next connection. */
  renewalRefused(code: string | undefined, retryAfter: number | undefined): void {
    const renewal = this.link!.renewal
    renewal.offered = undefined
    renewal.repeat(this.env.now(), isTemporary(code) ? repeatAfter(retryAfter, 0) : retryAfter)
    this.arm()
  }

  // The same again, or none: perhaps there is another one later.
  private repeatRenewal(): void {
    this.link?.renewal.repeat(this.env.now())
    this.arm()
  }

  private offer(next: Credential): void {
    const { link } = this
    if (!link || next === link.renewal.offered) return
    if (typeof next !== 'string' || !next || next === link.credential) {
      return this.settings.getToken && this.repeatRenewal()
    }
    if (link.send({ type: 'auth', data: { token: next } })) link.renewal.offered = next
  }

  /** Shows how things stand. */
  show(): void {
    const snapshot = snapshotOf(this.machine)
    this.store.update({ ...snapshot, lastError: snapshot.lastError ?? this.owner.error })
    if (this.machine.wanted) {
      this.stopListening ??= this.env.page?.listen((signal) => this.owner.pageSignal(signal))
    } else {
      this.stopListening?.()
      this.stopListening = undefined
    }
  }

  private dial(): void {
    const link = new Link(new Renewal(this.env.now()))
    this.link = link
    const { reason, asking } = this.machine
    if (reason === 'unauthorized') this.round = {}
    const { round } = this
    // What an earlier attempt asked for, and did not live to see, serves this one as well.
    const isAwaited = () => round === this.round && this.link !== null
    this.askToken(
      reason,
      (credential) => {
        this.round = {}
        if (!isCredential(credential)) return this.run({ type: 'noToken' })
        if (asking) this.run({ type: 'gotToken' })
        this.open(this.link!, credential)
      },
      () => link === this.link && this.run({ type: 'noToken' }),
      isAwaited,
    )
  }

  /** Takes the application's token for now; what getToken says later counts as long as it is awaited. */
  private askToken(
    reason: TokenReason,
    take: (token: Credential) => void,
    failed: () => void,
    isAwaited: () => boolean,
  ): void {
    const { getToken, token } = this.settings
    if (!getToken) return take(token)
    new Promise<Credential>((resolve) => resolve(getToken({ reason }))).then(
      (credential) => isAwaited() && take(credential),
      () => isAwaited() && failed(),
    )
  }

  private open(link: Link, credential: Credential): void {
    link.credential = credential
    try {
      const { url, protocols, first } = this.owner.address(credential)
      link.open(this.env.WebSocket!, url, protocols, {
        opened: () => {
          for (const frame of first) link.send(frame)
          this.run({ type: 'opened' })
        },
        received: (raw) => {
          this.run({ type: 'heard' })
          this.owner.received(raw)
        },
        failed: (event) => tell(this.settings, 'onError', event),
        closed: (code, reason) => {
          const { getToken, token } = this.settings
          const newToken = getToken !== undefined || token !== link.credential
          this.run({ type: 'closed', code, reason, newToken })
        },
      })
    } catch {
      // The browser's words would show the address, and with it the token.
      this.run({ type: 'badConfig', error: BAD_URL })
    }
  }
}
