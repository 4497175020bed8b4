import { MAX_RETRY_AFTER_MS } from './closeCodes'
import type { ConnectionError } from './store'

/** What a server subscribes a connection to that names nothing. */
export const DEFAULT_CHANNELS: readonly string[] = ['events', 'metrics']

/** Why the server does not give a channel. */
export interface Refusal {
  channel: string
  /** A stable word, such as `forbidden` or `too_many_subscriptions`. */
  code: string
  /** For people; it names the limit, where one was reached. */
  message: string
}

/** What became of a request for a channel: it is live, the server refused it for good, or it was left again. */
export type SubscribeOutcome = { status: 'live' } | ({ status: 'refused' } & Refusal) | { status: 'left' }

/** One subscription, as the application sees it. */
export interface ChannelState {
  channel: string
  /** The server has confirmed it, or set it up by itself. */
  isLive: boolean
  /** Position in the change log of the last change it brought, or at which it began; null: none known. */
  seq: number | null
  /** Why the server does not give it; absent: it was not refused. */
  refused?: Refusal
}

/** A frame that asks for channels. @internal */
export type ChannelFrame = (verb: Verb, names: string[], isAlone: boolean) => string | undefined

type Verb = 'subscribe' | 'unsubscribe'
type Settle = (outcome: SubscribeOutcome) => void

const PER_FRAME = 100
const FRAME_SIZE = 15_872
const LONGEST_NAME = 1024
/** A server that does not greet may know one channel to a frame only; so many go out a second. */
const PLAIN_PER_SECOND = 20
const FIRST_REPEAT = 1000
const LAST_REPEAT = 30_000

/** What can stand in an address; what cannot is asked for by a frame, and refused there. */
const NAME = /^[\w.:*-]{1,128}$/

const TOO_MANY = 'too_many_subscriptions'

/** What only a request for a channel is refused with. */
const OF_CHANNELS = new Set(['forbidden', TOO_MANY, 'invalid_channel'])

/** Whether the same may be had later. */
export const isTemporary = (code: string | undefined) => code === 'rate_limited' || code === 'unavailable'

/** Cuts names into parts of one frame each. */
export function splitNames(names: readonly string[]): string[][] {
  const parts: string[][] = []
  let size = 0
  for (const name of names) {
    size += name.length + 3
    const last = parts[parts.length - 1]
    if (last && last.length < PER_FRAME && size <= FRAME_SIZE) last.push(name)
    else {
      parts.push([name])
      size = name.length + 3
    }
  }
  return parts
}

/**
 * What an application wants, and what the server has confirmed. The two differ until the server has answered:
 * sync sends the difference. Each confirmed channel knows its own seq. Twin of client/channels.go.
 * @internal
 */
export class Channels {
  /** Requested, in the order of the requests. */
  private readonly wanted: Set<string>
  /** Those of the configuration, which a server that does not greet has set up, if it reads addresses. */
  private readonly base: Set<string>
  /** The server's choice is wanted, too; it is unknown until a session tells it. */
  private isOpen: boolean
  /** Of the server's choice, while it is unknown. */
  private readonly left = new Set<string>()
  private readonly held = new Map<string, number>()
  /** Requests without an answer. */
  private readonly asked = new Map<string, { verb: Verb; id: string }>()
  /** Held, and asked for once more: the server tells the state of such a channel again. */
  private readonly again = new Set<string>()
  private readonly refusals = new Map<string, Refusal>()
  private readonly settles = new Map<string, Settle[]>()
  /** What a session that is resumed goes on with. */
  private before: ReadonlySet<string>
  private isStarted = false
  private repeats = 0
  /** Nothing is asked before; 0: nothing waits. */
  retryAt = 0

  /** Without channels, the server's own choice is the base: unknown until a session tells it. */
  constructor(base: readonly string[] | undefined) {
    this.isOpen = !base
    this.wanted = new Set(base)
    this.base = new Set(base)
    this.before = new Set(base)
  }

  /** Each subscription there is or is to be. */
  get states(): ChannelState[] {
    return this.all().map((channel) => {
      const refused = this.refusals.get(channel)
      const state = { channel, isLive: this.isLive(channel), seq: this.held.get(channel) || null }
      return refused ? { ...state, refused } : state
    })
  }

  /** What is wanted and was refused, in words. */
  get error(): ConnectionError | null {
    const [first] = this.refusals.values()
    return first ? { kind: 'subscription', message: `${first.channel}: ${first.message}` } : null
  }

  /** How many are wanted and not held. */
  get missing(): number {
    return [...this.wanted].filter((name) => !this.held.has(name)).length
  }

  isLive(channel: string): boolean {
    return this.held.has(channel)
  }

  /** Wants a channel. */
  add(channel: string, settle?: Settle): void {
    this.wanted.add(channel)
    this.left.delete(channel)
    this.refusals.delete(channel)
    if (settle) this.settles.set(channel, [...(this.settles.get(channel) ?? []), settle])
    if (this.held.has(channel) && !this.asked.has(channel)) this.again.add(channel)
  }

  /** Wants a channel no more. */
  remove(channel: string): void {
    const wasAdded = this.wanted.delete(channel)
    this.base.delete(channel)
    this.again.delete(channel)
    this.refusals.delete(channel)
    this.before = new Set([...this.before].filter((name) => name !== channel))
    // What was asked for here is not of the server's choice, unless it is one of the two that it mostly chooses.
    if (this.isOpen && (!wasAdded || DEFAULT_CHANNELS.includes(channel))) this.left.add(channel)
    this.settle(channel, { status: 'left' })
  }

  /**
   * For the address; undefined leaves the choice to the server. A session that is resumed goes on with what it
   * had: what was added since is asked for behind it, so that its state is told.
   */
  forUrl(resumes: boolean): string[] | undefined {
    if (this.isOpen) return undefined
    return [...this.wanted].filter((name) => NAME.test(name) && (!resumes || this.before.has(name)))
  }

  /**
   * A connection began with these channels, all at this seq; where the application named none, they are what it
   * wants. undefined: the server does not say, and has set up those of the address, or its choice.
   */
  start(channels: readonly string[] | undefined, seq: number, dialled?: readonly string[]): void {
    const have = channels ?? dialled?.filter((name) => this.base.has(name)) ?? DEFAULT_CHANNELS
    if (this.isOpen && channels) {
      const added = [...this.wanted]
      this.wanted.clear()
      for (const name of [...channels, ...added]) if (!this.left.has(name)) this.wanted.add(name)
      this.left.clear()
      this.isOpen = false
    }
    this.isStarted = true
    this.retryAt = 0
    this.held.clear()
    for (const channel of have) this.held.set(channel, seq)
  }

  /** Sends what is wanted and not held, and what is held and not wanted; returns what cannot be asked for. */
  sync(now: number, isPlain: boolean, send: ChannelFrame): Refusal[] {
    if (now < this.retryAt) return []
    this.retryAt = 0
    const refused: Refusal[] = []
    const isFree = (name: string) => !this.asked.has(name)
    const all = new Set(this.all())
    const leave = [...this.held.keys()].filter((name) => isFree(name) && !all.has(name))
    const join = [...this.wanted].filter(
      (name) => isFree(name) && (!this.held.has(name) || this.again.has(name)) && !this.refusals.has(name),
    )
    for (const channel of join) {
      if (channel.length <= LONGEST_NAME) continue
      const message = 'A channel name has 1 to 128 bytes.'
      refused.push(this.refuseForGood({ channel, code: 'invalid_channel', message }))
    }
    const isAlone = this.asked.size === 0 && leave.length + join.length === 1
    // What makes room goes first.
    let left = isPlain ? PLAIN_PER_SECOND : Infinity
    for (const [verb, requested] of [
      ['unsubscribe', leave.sort()],
      ['subscribe', join.filter((name) => !this.refusals.has(name))],
    ] as const) {
      for (const names of isPlain ? requested.map((name) => [name]) : splitNames(requested)) {
        const id = left-- > 0 ? send(verb, names, isAlone) : undefined
        if (id === undefined) {
          this.retryAt = now + FIRST_REPEAT
          return refused
        }
        for (const name of names) {
          this.asked.set(name, { verb, id })
          this.again.delete(name)
        }
      }
    }
    return refused
  }

  /** The server says that every matching change after seq will come. */
  confirmed(channel = '', seq: number): void {
    if (this.asked.get(channel)?.verb === 'subscribe') this.asked.delete(channel)
    this.refusals.delete(channel)
    this.held.set(channel, seq)
    this.repeats = 0
    if (this.wanted.has(channel)) this.settle(channel, { status: 'live' })
  }

  /** Nothing comes on a channel any more: it was left, or the token in force does not permit it. */
  ended(channel = ''): void {
    const wasHeld = this.held.delete(channel)
    if (this.asked.get(channel)?.verb === 'unsubscribe') {
      this.asked.delete(channel)
      this.repeats = 0
      this.forgive(TOO_MANY)
    } else if (wasHeld && this.wanted.has(channel)) {
      const message = 'The server has ended the subscription.'
      this.refusals.set(channel, { channel, code: 'forbidden', message })
    }
  }

  /** Lets what was refused with this code be asked for again; of several only the first, where they need room. */
  forgive(code: string): void {
    for (const [channel, refusal] of this.refusals) {
      if (refusal.code === code && this.refusals.delete(channel) && code === TOO_MANY) return
    }
  }

  /**
   * A request was refused: for now, and then it is asked for again; or for good, and those are returned. What it
   * is about is what it names, or what the frame with its id asked for, or, for now, all that has no answer.
   */
  refuse(error: { names: readonly string[]; id: string | undefined } & RefusedWith, now: number): Refusal[] {
    const { code = 'invalid', message, id, retryAfter } = error
    const forNow = isTemporary(code)
    const named = error.names.length > 0
    // One that names nothing is about all that has no answer; for good, about the one request that there is.
    const isAny = !id && (forNow || (this.asked.size === 1 && OF_CHANNELS.has(code)))
    const unanswered = [...this.asked].filter(([, request]) => isAny || (!!id && request.id === id))
    const about = named ? error.names : unanswered.map(([name]) => name)
    const requests = about.map((name) => [name, this.asked.get(name)?.verb] as const)
    for (const name of about) this.asked.delete(name)
    if (forNow) {
      if (about.length > 0) this.retryAt = now + repeatAfter(retryAfter, this.repeats++)
      return []
    }
    return requests.flatMap(([channel, verb]) => {
      // It cannot be left, so there is nothing to leave.
      if (verb === 'unsubscribe') this.held.delete(channel)
      if (verb === 'unsubscribe' || !this.wanted.has(channel)) return []
      return [this.refuseForGood({ channel, code, message })]
    })
  }

  /**
   * A change came; true: its channel brought it before. Changes come in order, so the highest seq of the
   * channel decides. One that has yet to be confirmed may tell of changes that others brought already.
   */
  isOld(channel: string, seq: number, connectionSeq: number): boolean {
    if (this.asked.get(channel)?.verb === 'subscribe') return false
    const seen = this.held.get(channel)
    if (seq <= (seen ?? connectionSeq)) return true
    if (seen !== undefined) this.held.set(channel, seq)
    return false
  }

  /** State up to seq was skipped, of one channel or of all. */
  skipTo(seq: number, channel?: string): void {
    for (const known of this.held.keys())
      if (channel === undefined || channel === known) this.held.set(known, seq)
  }

  /** The connection is gone: its unanswered requests with it, and what was live. */
  connectionLost(): void {
    // But what has yet to tell its state.
    const isTold = (name: string) => !this.asked.has(name) && !this.again.has(name)
    if (this.isStarted) this.before = new Set([...this.held.keys()].filter(isTold))
    this.isStarted = false
    for (const all of [this.held, this.asked, this.again, this.refusals]) all.clear()
    this.retryAt = this.repeats = 0
  }

  private refuseForGood(refusal: Refusal): Refusal {
    this.again.delete(refusal.channel)
    this.refusals.set(refusal.channel, refusal)
    this.settle(refusal.channel, { status: 'refused', ...refusal })
    return refusal
  }

  private settle(channel: string, outcome: SubscribeOutcome): void {
    const settles = this.settles.get(channel) ?? []
    this.settles.delete(channel)
    for (const settle of settles) settle(outcome)
  }

  private all(): string[] {
    const base = this.isOpen ? DEFAULT_CHANNELS.filter((channel) => !this.left.has(channel)) : []
    return [...new Set([...base, ...this.wanted])]
  }
}

interface RefusedWith {
  code: string | undefined
  message: string
  retryAfter: number | undefined
}

/** How long to wait with a repetition: what the server said, or more with each refusal. */
export function repeatAfter(said: number | undefined, repeats: number): number {
  if (said) return Math.min(said, MAX_RETRY_AFTER_MS)
  return Math.min(LAST_REPEAT, FIRST_REPEAT * 2 ** repeats)
}
