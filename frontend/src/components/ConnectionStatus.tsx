'use client'

import { useEffect, useState } from 'react'
import type { QualityLevel } from '../lib'
import { WebSocketState } from '../lib/useWebSocket'
import styles from './ConnectionStatus.module.css'
import { Countdown } from './Countdown'

/** A blip shorter than this is not shown, milliseconds. */
const GRACE = 1000

/** Props of ConnectionStatus; the first seven are the integration guide's. */
export interface ConnectionStatusProps {
  state: WebSocketState
  reconnectAttempt?: number
  /** The wait chosen for the attempt ahead, milliseconds. */
  reconnectDelay?: number
  maxReconnectAttempts?: number
  lastError?: { readonly message: string } | string | null
  onReconnect?: () => void
  /** Also show the attempt, the error and the polling; when connected, the quality. */
  showDetails?: boolean
  /** When the next attempt is due, milliseconds since the epoch; null: none is waiting. */
  nextRetryAt?: number | null
  /** The page polls this often while there is no connection, milliseconds. */
  pollingEvery?: number
  /** How good the connection is; shown with the details. */
  quality?: QualityLevel | null
}

const looks: Record<WebSocketState, { word: string; tone: string; icon: string }> = {
  [WebSocketState.CONNECTED]: { word: 'Connected', tone: 'ok', icon: 'M3 8.5 6.5 12 13 4.5' },
  [WebSocketState.CONNECTING]: { word: 'Connecting…', tone: 'warn', icon: 'M13 8a5 5 0 1 1-2-4' },
  [WebSocketState.RECONNECTING]: { word: 'Reconnecting…', tone: 'warn', icon: 'M13 8a5 5 0 1 1-2-4' },
  [WebSocketState.ERROR]: { word: 'Connection error', tone: 'error', icon: 'M4 4l8 8M12 4l-8 8' },
  [WebSocketState.DISCONNECTED]: { word: 'Disconnected', tone: 'idle', icon: 'M3 8h10' },
}

/** Shows how a connection stands: icon, word and colour, and what a person can do about it. */
export function ConnectionStatus(props: ConnectionStatusProps) {
  const state = useWithoutBlips(props.state)
  const { word, tone, icon } = looks[state]
  const isWaiting = state === WebSocketState.RECONNECTING && props.nextRetryAt !== null
  return (
    <div className={styles.root} data-state={state} data-tone={tone}>
      {/* Only the word is announced; a countdown in here would be read out each second. */}
      <span role="status" className={styles.word}>
        <svg className={styles.icon} viewBox="0 0 16 16" aria-hidden="true">
          <path d={icon} />
        </svg>
        {word}
      </span>
      {isWaiting && (
        <Countdown
          key={`${props.reconnectAttempt} ${props.nextRetryAt ?? props.reconnectDelay}`}
          until={props.nextRetryAt ?? undefined}
          delay={props.reconnectDelay ?? 0}
        />
      )}
      {props.showDetails && <Details {...props} state={state} />}
      <RetryButton state={state} isWaiting={isWaiting} onReconnect={props.onReconnect} />
    </div>
  )
}

function Details(props: ConnectionStatusProps) {
  const { state, reconnectAttempt = 0, maxReconnectAttempts, lastError, pollingEvery, quality } = props
  const message = typeof lastError === 'string' ? lastError : lastError?.message
  if (state === WebSocketState.CONNECTED) {
    return (
      <>
        {quality && <span className={styles.detail}>quality: {quality}</span>}
        {message && <span className={styles.error}>{message}</span>}
      </>
    )
  }
  const max = maxReconnectAttempts === undefined ? '' : `/${maxReconnectAttempts}`
  return (
    <>
      {state === WebSocketState.RECONNECTING && reconnectAttempt > 0 && (
        <span className={styles.detail}>
          attempt {reconnectAttempt}
          {max}
        </span>
      )}
      {pollingEvery !== undefined && (
        <span className={styles.detail}>polling every {Math.round(pollingEvery / 1000)} s</span>
      )}
      {message && <span className={styles.error}>{message}</span>}
    </>
  )
}

interface RetryButtonProps {
  state: WebSocketState
  isWaiting: boolean
  onReconnect: (() => void) | undefined
}

function RetryButton({ state, isWaiting, onReconnect }: RetryButtonProps) {
  const hasStopped = state === WebSocketState.DISCONNECTED || state === WebSocketState.ERROR
  if (!onReconnect || !(hasStopped || isWaiting)) return null
  return (
    <button type="button" className={styles.retry} onClick={() => onReconnect()}>
      {hasStopped ? 'Retry' : 'Retry now'}
    </button>
  )
}

/** The state to show: a loss that is mended within the grace is not shown; all else is, at once. */
function useWithoutBlips(state: WebSocketState): WebSocketState {
  const [previous, setPrevious] = useState(state)
  const [isHeld, setIsHeld] = useState(false)
  const shown = isHeld ? WebSocketState.CONNECTED : state
  if (state !== previous) {
    setPrevious(state)
    setIsHeld(previous === WebSocketState.CONNECTED && state === WebSocketState.RECONNECTING)
  }
  useEffect(() => {
    if (!isHeld) return
    const timer = setTimeout(() => setIsHeld(false), GRACE)
    return () => clearTimeout(timer)
  }, [isHeld])
  return shown
}
