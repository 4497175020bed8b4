import { useCallback } from 'react'
import { useSearchParams } from 'wouter'

/** What an entry of the history was made for: Back undoes it. */
export interface EntryState {
  /** Something was opened, named by this parameter. */
  opened?: string
  /** Text is typed into this filter: one entry for all of it. */
  typed?: string
}

/** The state of the entry that is shown. */
export const entryState = (): EntryState => (window.history.state as EntryState | null) ?? {}

let isGoingBack = false

// Once, however often it is asked for before the browser has done it: a second step would leave the page.
function goBack(): void {
  if (isGoingBack) return
  isGoingBack = true
  window.addEventListener('popstate', () => (isGoingBack = false), { once: true })
  window.history.back()
}

/**
 * What is open beside a list, kept in a parameter of the URL, so that a link leads to it. Back closes what was opened
 * here, and closing it goes back: the history holds no entry for each.
 */
export function useOpenInUrl(name: string) {
  const [query, setQuery] = useSearchParams()
  const openId = query.get(name)
  const setOpenId = useCallback(
    (id: string | null) => {
      if (id === openId) return
      if (id === null && entryState().opened === name) return goBack()
      setQuery(
        (before) => {
          const after = new URLSearchParams(before)
          if (id === null) after.delete(name)
          else after.set(name, id)
          return after
        },
        openId === null ? { state: { opened: name } } : { replace: true, state: entryState() },
      )
    },
    [name, openId, setQuery],
  )
  return [openId, setOpenId] as const
}
