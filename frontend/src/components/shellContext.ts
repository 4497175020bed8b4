import { createContext, useContext } from 'react'
import type { NewEvent } from '../app/api/types'

/** What pages can ask of the frame around them. */
export interface ShellActions {
  /** Opens the form to send an event, with this event in it where one is given. */
  openSend: (draft?: NewEvent) => void
}

export const ShellContext = createContext<ShellActions>({ openSend: () => undefined })

export const useShell = (): ShellActions => useContext(ShellContext)
