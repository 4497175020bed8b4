import { createContext, useContext } from 'react'
import type { UseWebSocketResult } from '../../lib/useWebSocket'
import type { PauseState } from './sync'
import type { LiveSync } from './sync'
import type { LiveSettings } from './settings'

/** How the page keeps up with the server. */
export interface Live extends PauseState {
  ws: UseWebSocketResult
  sync: LiveSync
  settings: LiveSettings
  /** Whether the one poll runs in place of the connection. */
  polling: boolean
  setPaused: (paused: boolean) => void
}

export const LiveContext = createContext<Live | null>(null)

/** The live connection of the page. */
export function useLive(): Live {
  const live = useContext(LiveContext)
  if (!live) throw new Error('useLive is used outside of LiveProvider')
  return live
}
