'use client'

import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useLayoutEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import type { ReactNode } from 'react'
import type { TokenReason } from '../options'
import { useWebSocket } from '../useWebSocket'
import type { UseWebSocketConfig } from '../useWebSocket'
import { LiveContext } from './context'
import type { Live } from './context'
import { restApi } from './rest'
import type { LiveApi, RestOptions } from './rest'
import { LiveSync } from './sync'
import type { Follower } from './sync'

const POLL_EVERY = 10_000

/** Where the server is, who asks, and how to keep up. One provider per QueryClient; key it by the user. */
export interface LiveProviderProps extends RestOptions {
  /** false: nothing is connected, fetched or polled. Default: whether there is a token, or getToken. */
  enabled?: boolean | undefined
  /** The connection's own settings and handlers. `url` is `<server>/ws` unless given; '' polls only. */
  socket?: UseWebSocketConfig | undefined
  /** In place of the REST API of `server`. Has to stay the same object. */
  api?: LiveApi | undefined
  /** Milliseconds between polls, where there is no connection. Default 10 000. */
  pollEvery?: number | undefined
  /** What else follows the stream. Has to stay the same object. */
  follower?: Follower | undefined
  children?: ReactNode
}

/** Holds the one connection of the page, and the one poll that stands in for it, for all live hooks below. */
export function LiveProvider(props: LiveProviderProps) {
  const { server = '', token, getToken, socket, pollEvery = POLL_EVERY, follower, children } = props
  const enabled = props.enabled ?? (!!token || !!getToken)
  const api = useApi(props)
  const qc = useQueryClient()
  // Another server counts anew: nothing of what was heard of the one before holds for it.
  const sync = useMemo(() => new LiveSync(qc, (id) => api.getEvent(id), follower), [qc, api, follower])
  const pause = useSyncExternalStore(sync.subscribe, sync.getPause, sync.getPause)
  const needsFetch = useRef(true)
  // Before the effects of the hooks below, which fetch.
  useLayoutEffect(() => sync.start(), [sync])

  const url = socket?.url ?? `${server}/ws`
  const ws = useWebSocket({
    token,
    getToken,
    ...socket,
    // The REST API is ours, so the server is: the token never has to stand in an address.
    dialect: socket?.dialect ?? 'v1',
    url,
    enabled: enabled && url !== '' && (socket?.enabled ?? true),
    onOpen: () => {
      // What was fetched before the connection stood, or by polling, may have missed something.
      if (needsFetch.current) sync.refetch()
      needsFetch.current = false
      socket?.onOpen?.()
    },
    onMessage: (message) => {
      sync.receive(message)
      socket?.onMessage?.(message)
    },
    onResync: (reason) => {
      sync.resync()
      socket?.onResync?.(reason)
    },
  })

  // Another connection knows nothing of what came between the one before and itself.
  useLayoutEffect(() => {
    needsFetch.current = true
  }, [ws.client])

  const polling = enabled && !ws.isConnected && !pause.paused
  const { client } = ws
  useEffect(() => {
    if (!polling) return
    const poll = setInterval(() => {
      needsFetch.current = true
      sync.refetch()
    }, pollEvery)
    // Who answers a poll may take a connection, too: once per absence, as a proxy may pass requests alone.
    const stop = sync.onReachable(() => client.wake())
    return () => {
      clearInterval(poll)
      stop()
    }
  }, [polling, pollEvery, sync, client])

  const live = useMemo<Live>(
    () => ({ ws, api, enabled, polling, ...pause, setPaused: (paused) => sync.setPaused(paused), sync }),
    [ws, api, enabled, polling, pause, sync],
  )
  return <LiveContext.Provider value={live}>{children}</LiveContext.Provider>
}

// One api for good, which asks for the token of the latest render.
function useApi({ server, token, getToken, api }: RestOptions & { api?: LiveApi | undefined }): LiveApi {
  const [asker] = useState(() => new Asker())
  useLayoutEffect(() => {
    asker.update({ token, getToken })
  })
  return useMemo(
    () => api ?? restApi({ server, getToken: (request) => asker.getToken(request) }),
    [api, server, asker],
  )
}

class Asker {
  private latest: Pick<RestOptions, 'token' | 'getToken'> = {}

  update(latest: Pick<RestOptions, 'token' | 'getToken'>): void {
    this.latest = latest
  }

  getToken(request: { reason: TokenReason }) {
    return this.latest.getToken ? this.latest.getToken(request) : this.latest.token
  }
}
