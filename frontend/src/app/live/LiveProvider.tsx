import { useMemo, useState } from 'react'
import type { ReactNode } from 'react'
import { LiveProvider as Provider } from '../../lib/query/LiveProvider'
import { useAuth } from '../auth/context'
import { contact } from './freshness'
import { DashboardContext } from './context'
import { DashboardFollower } from './figures'
import { POLL_MS } from './polling'
import type { LiveSettings } from './settings'

/** The library's provider, with the page's session and settings. */
export function LiveProvider({ settings, children }: { settings: LiveSettings; children: ReactNode }) {
  const { token, identity, api, getToken, getFreshToken } = useAuth()
  const [follower] = useState(() => new DashboardFollower())
  const socket = useMemo(
    () => ({
      ...settings,
      authScope: identity,
      onMessage: () => contact.heard(),
      onOpen: () => contact.heard(),
      onClose: () => contact.lost(),
    }),
    [settings, identity],
  )
  const live = useMemo(() => ({ settings, follower }), [settings, follower])
  return (
    <Provider
      api={api}
      token={token}
      getToken={({ reason }) => (reason === 'unauthorized' ? getFreshToken() : getToken())}
      enabled={!!token}
      socket={socket}
      pollEvery={POLL_MS}
      follower={follower}
    >
      <DashboardContext.Provider value={live}>{children}</DashboardContext.Provider>
    </Provider>
  )
}
