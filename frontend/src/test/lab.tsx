/**
 * A page with nothing but the hook, in StrictMode, for the tests in real browsers: `window.lab` starts it with
 * options of the test's choosing and keeps what happened.
 */
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { ConnectionStatus } from '../components/ConnectionStatus'
import { useWebSocket } from '../lib/useWebSocket'
import type { UseWebSocketConfig, UseWebSocketResult } from '../lib/useWebSocket'

interface Frame {
  type: string
  seq: number | undefined
  id: unknown
}

const noResult = null as UseWebSocketResult | null

const lab = {
  ws: noResult,
  renders: 0,
  /** Each state the component was rendered with, once per change. */
  states: [] as string[],
  attempts: [] as number[],
  delays: [] as number[],
  frames: [] as Frame[],
  /** What each handler call said, by the options that were current. */
  heard: [] as string[],
  /** Why a token was asked for. */
  reasons: [] as string[],
  sockets: [] as WebSocket[],
  /** Codes the page itself closed sockets with. */
  closedWith: [] as (number | undefined)[],
  listeners: 0,
  /** Tokens that getToken gives, one after another; the last one stays. */
  tokens: [] as string[],
  /** Lets getToken answer. */
  release: null as (() => void) | null,
  start,
  stop: () => root.unmount(),
}

export type Lab = typeof lab

/** Options as they travel from the test into the page. */
export interface LabOptions extends UseWebSocketConfig {
  /** Ask for the tokens of `lab.tokens`. */
  asks?: boolean
  /** getToken waits for `lab.release`. */
  waits?: boolean
  /** What the handlers of this render say. */
  word?: string
}

// Everything the page ever opened, to see what is left of it.
const Native = window.WebSocket
window.WebSocket = class extends Native {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols)
    lab.sockets.push(this)
  }

  override close(code?: number, reason?: string): void {
    lab.closedWith.push(code)
    super.close(code, reason)
  }
}
// eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with its own `this`
const addListener = EventTarget.prototype.addEventListener
EventTarget.prototype.addEventListener = function (...given: Parameters<typeof addListener>) {
  if (this === window || this === document) lab.listeners++
  addListener.apply(this, given)
}

const note = <T,>(list: T[], value: T) => {
  if (list[list.length - 1] !== value) list.push(value)
}

function keep(ws: UseWebSocketResult): void {
  lab.renders++
  lab.ws = ws
  note(lab.states, ws.state)
  note(lab.attempts, ws.reconnectAttempt)
  note(lab.delays, ws.reconnectDelay)
}

async function nextToken(reason: string, waits: boolean): Promise<string | undefined> {
  lab.reasons.push(reason)
  if (waits) await new Promise<void>((resolve) => (lab.release = resolve))
  return lab.tokens.length > 1 ? lab.tokens.shift() : lab.tokens[0]
}

function Page({ asks, waits = false, word = '', ...config }: LabOptions) {
  const ws = useWebSocket({
    ...config,
    ...(asks ? { getToken: ({ reason }) => nextToken(reason, waits) } : {}),
    onMessage: (message) => {
      const { id } = (message.data ?? {}) as { id?: unknown }
      lab.frames.push({ type: message.type, seq: message.seq, id })
      if (word) lab.heard.push(`${word} ${message.type}`)
    },
  })
  keep(ws)
  return <ConnectionStatus {...ws} onReconnect={ws.reconnect} showDetails />
}

const root = createRoot(document.body.appendChild(document.createElement('main')))

function start(options: LabOptions): void {
  root.render(
    <StrictMode>
      <Page {...options} />
    </StrictMode>,
  )
}

Object.assign(window, { lab })
