import type { ClientEnv, PageSignal, Timer } from './env'
import { Link } from './link'
import { initialMachine, nextDeadline, snapshotOf } from './machine'
import type { Effect, MachineEvent } from './machine'
import type { WebSocketState } from './messages'
import type { Credential, Settings, TokenReason } from './options'
import { step } from './step'
import { Store } from './store'
import type { ConnectionSnapshot } from './store'

/** Whom a runner works for. @internal */
export interface RunnerOwner {
  readonly settings: Settings
  /** Where to dial, and with which subprotocols. */
  address(credential: Credential): [url: string, protocols: string[]]
  /** A connection is usable; again: another one was before it. */
  ready(again: boolean): void
  received(raw: unknown): void
  failed(event: Event): void
  /** A heartbeat ping is due. */
  ping(): void
  /** The link is gone. */
  dropped(code: number): void
  /** The connection that ready told of is gone. */
  closed(): void
  pageSignal(signal: PageSignal): void
  /** Does what else is due; returns when to be asked again, milliseconds since the epoch. */
  due(now: number): number
}

/** Runs the state machine on a real clock, network and page: feeds it events and carries out its effects. @internal */
export class Runner {
  readonly store: Store<ConnectionSnapshot>
  machine
  link: Link | null = null
  private timer: Timer | undefined
  private armedFor = Infinity
  private stopListening: (() => void) | undefined

  constructor(
    readonly env: ClientEnv,
    private readonly owner: RunnerOwner,
    startsAs: WebSocketState,
  ) {
    this.machine = initialMachine(startsAs)
    this.store = new Store(snapshotOf(this.machine))
  }

  /** Lets one event happen. What handlers do meanwhile happens at once, inside. */
  run(event: MachineEvent): void {
    const { env, owner } = this
    const [next, effects] = step(this.machine, event, {
      now: env.now(),
      random: () => env.random(),
      hidden: env.page?.isHidden() ?? false,
      settings: owner.settings,
    })
    this.machine = next
    const later = effects.filter((effect) => !this.carryOut(effect))
    this.show()
    this.arm()
    for (const effect of later) this.tell(effect)
  }

  /** Looks at all deadlines anew. */
  arm(): void {
    const { env, machine } = this
    const at = Math.min(nextDeadline(machine), this.owner.due(env.now()))
    if (at === this.armedFor) return
    this.armedFor = at
    if (this.timer !== undefined) env.clearTimeout(this.timer)
    this.timer = at === Infinity ? undefined : env.setTimeout(() => this.tick(), Math.max(0, at - env.now()))
  }

  private tick(): void {
    this.timer = undefined
    this.armedFor = Infinity
    this.run({ type: 'tick' })
  }

  private show(): void {
    this.store.update(snapshotOf(this.machine))
    if (this.machine.wanted) {
      this.stopListening ??= this.env.page?.listen((signal) => this.owner.pageSignal(signal))
    } else {
      this.stopListening?.()
      this.stopListening = undefined
    }
  }

  private carryOut(effect: Effect): boolean {
    switch (effect.do) {
      case 'dial':
        this.dial(effect.reason)
        return true
      case 'drop':
        this.link?.abandon(effect.code)
        this.link = null
        this.owner.dropped(effect.code)
        return true
      case 'ping':
        this.owner.ping()
        return true
      default:
        return false
    }
  }

  // Handlers come last: they see the state they are told of, and may change it.
  private tell(effect: Effect): void {
    if (effect.do === 'closed') this.owner.closed()
    if (effect.do === 'ready' && this.machine.link === 'ready') this.owner.ready(effect.again)
  }

  private dial(reason: TokenReason): void {
    const link = new Link()
    this.link = link
    const { getToken, token } = this.owner.settings
    if (!getToken) return this.open(link, token)
    this.askToken(reason).then(
      (credential) => {
        if (link === this.link) this.open(link, credential)
      },
      () => {
        if (link === this.link) this.run({ type: 'noToken' })
      },
    )
  }

  /** The application's token for now. */
  async askToken(reason: TokenReason): Promise<Credential> {
    const { getToken, token } = this.owner.settings
    return getToken ? getToken({ reason }) : token
  }

  private open(link: Link, credential: Credential): void {
    link.credential = credential
    const { owner } = this
    try {
      const { WebSocket } = this.env
      if (!WebSocket) throw new TypeError('no WebSocket')
      link.open(WebSocket, ...owner.address(credential), {
        opened: () => this.run({ type: 'opened' }),
        received: (raw) => {
          this.run({ type: 'heard' })
          owner.received(raw)
        },
        failed: (event) => owner.failed(event),
        closed: (code, reason) => this.closed(link, code, reason),
      })
    } catch {
      // The browser's words would show the address, and with it the token.
      this.run({ type: 'badUrl' })
    }
  }

  private closed(link: Link, code: number, reason: string): void {
    const { getToken, token } = this.owner.settings
    const newToken = getToken !== undefined || token !== link.credential
    this.run({ type: 'closed', code, reason, newToken })
  }
}
