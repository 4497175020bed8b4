import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import type { ReactNode } from 'react'
import { useWebSocket } from '../../lib/useWebSocket'
import { useAuth } from '../auth/context'
import { LiveContext } from './context'
import type { Live } from './context'
import { POLL_MS, shouldPoll } from './polling'
import type { LiveSettings } from './settings'
import { LiveSync } from './sync'

/** Holds the one connection of the page, and the one poll that stands in for it. */
export function LiveProvider({ settings, children }: { settings: LiveSettings; children: ReactNode }) {
  const { token, api, getToken, getFreshToken } = useAuth()
  const qc = useQueryClient()
  const [sync] = useState(() => new LiveSync(qc, (id) => api.getEvent(id)))
  const pause = useSyncExternalStore(sync.subscribe, sync.getPause)
  const needsFetch = useRef(true)

  const ws = useWebSocket({
    ...settings,
    token,
    getToken: ({ reason }) => (reason === 'unauthorized' ? getFreshToken() : getToken()),
    enabled: !!token && settings.url !== '',
    onOpen: () => {
      // What was fetched before the connection stood, or by polling, may have missed something.
      if (needsFetch.current) sync.refetch()
      needsFetch.current = false
    },
    onMessage: (message) => sync.receive(message),
    onResync: () => sync.refetch(),
  })

  const polling = shouldPoll({ signedIn: !!token, connected: ws.isConnected, paused: pause.paused })
  useEffect(() => {
    if (!polling) return
    const poll = setInterval(() => {
      needsFetch.current = true
      sync.refetch()
    }, POLL_MS)
    return () => clearInterval(poll)
  }, [polling, sync])

  const live = useMemo<Live>(
    () => ({ ws, sync, settings, polling, ...pause, setPaused: (paused) => sync.setPaused(paused) }),
    [ws, sync, settings, polling, pause],
  )
  return <LiveContext.Provider value={live}>{children}</LiveContext.Provider>
}
