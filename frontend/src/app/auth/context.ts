import { createContext, useContext } from 'react'
import type { ApiClient } from '../api/client'
import type { Claims } from './claims'

/** Who the reader is, and what they may do. */
export interface Auth {
  /** The JWT; undefined while signed out. */
  token: string | undefined
  /** Who the reader is; another one is another page. undefined while signed out. */
  identity: string | undefined
  /** What the token says of them; null: it is not one that can be read, or there is none. */
  claims: Claims | null
  /** Why there is no token, where there was one. */
  reason: string | null
  /** Whether events, figures and endpoints may be read. */
  canRead: boolean
  /** Whether events may be sent, acknowledged and deleted. */
  canWrite: boolean
  /** Whether endpoints may be changed. */
  isAdmin: boolean
  api: ApiClient
  signIn: (key: string) => Promise<void>
  signOut: () => void
  /** A token to connect with. */
  getToken: () => Promise<string | null>
  /** A token of a new making, after one was refused. */
  getFreshToken: () => Promise<string | null>
}

export const AuthContext = createContext<Auth | null>(null)

/** The session of the page. */
export function useAuth(): Auth {
  const auth = useContext(AuthContext)
  if (!auth) throw new Error('useAuth is used outside of AuthProvider')
  return auth
}
