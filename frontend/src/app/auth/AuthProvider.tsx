import { useEffect, useMemo, useSyncExternalStore } from 'react'
import type { ReactNode } from 'react'
import { ApiClient } from '../api/client'
import { allows, claimsOf } from './claims'
import { AuthContext } from './context'
import type { Auth } from './context'
import type { Session } from './session'

/** Gives the session to everything below. */
export function AuthProvider({ session, children }: { session: Session; children: ReactNode }) {
  const state = useSyncExternalStore(session.subscribe, session.getState)
  const api = useMemo(() => new ApiClient(session), [session])
  useEffect(() => session.start(window), [session])
  const auth = useMemo<Auth>(
    () => ({
      token: state.token ?? undefined,
      identity: state.identity ?? undefined,
      claims: state.token ? claimsOf(state.token) : null,
      reason: state.reason,
      canRead: allows(state.scopes, 'events:read'),
      canWrite: allows(state.scopes, 'events:write'),
      isAdmin: allows(state.scopes, 'admin'),
      api,
      signIn: (key) => session.signIn(key),
      signOut: () => session.signOut(),
      getToken: () => session.token(),
      getFreshToken: () => session.fresh(),
    }),
    [state, api, session],
  )
  return <AuthContext.Provider value={auth}>{children}</AuthContext.Provider>
}
