/**
 * Takes the API key out of a link such as `http://host/#key=apier_…` and wipes the fragment, so that the key
 * stays neither in the address bar nor in the history.
 */
export function takeKey(win: Pick<Window, 'location' | 'history'>): string | null {
  const { hash, pathname, search } = win.location
  const key = new URLSearchParams(hash.slice(1)).get('key')
  if (key === null) return null
  win.history.replaceState(null, '', pathname + search)
  return key.trim() || null
}
