import { createContext, useContext } from 'react'
import type { DashboardFollower } from './figures'
import type { LiveSettings } from './settings'

export { useLive } from '../../lib/query/context'

/** What the dashboard adds to the library's live connection. */
export interface DashboardLive {
  /** How the page connects. */
  settings: LiveSettings
  follower: DashboardFollower
}

export const DashboardContext = createContext<DashboardLive | null>(null)

/** How the page connects, and what it follows besides events and counters. */
export function useDashboardLive(): DashboardLive {
  const live = useContext(DashboardContext)
  if (!live) throw new Error('useDashboardLive is used outside of LiveProvider')
  return live
}
