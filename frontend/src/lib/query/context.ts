'use client'

import { createContext, useContext } from 'react'
import type { UseWebSocketResult } from '../useWebSocket'
import type { LiveApi } from './rest'
import type { LiveSync, PauseState } from './sync'

/** How the components below a LiveProvider keep up with the server. */
export interface Live extends PauseState {
  /** The one connection. */
  ws: UseWebSocketResult
  api: LiveApi
  /** Whether there is anybody to ask for; false: nothing is fetched. */
  enabled: boolean
  /** Whether the one poll runs in place of the connection. */
  polling: boolean
  /** Holds what is shown still, or lets it go on. */
  setPaused: (paused: boolean) => void
  /** Writes what a request of your own has brought into the caches. */
  sync: LiveSync
}

export const LiveContext = createContext<Live | null>(null)

/** The live connection of the page. */
export function useLive(): Live {
  const live = useContext(LiveContext)
  if (!live) throw new Error('useLive is used outside of LiveProvider')
  return live
}
