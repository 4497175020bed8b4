/** Gives the focus to what opens something, by the `data-opens` that it has; false: there is no such thing now. */
export function focusOpener(id: string): boolean {
  const opener = document.querySelector<HTMLElement>(`[data-opens="${CSS.escape(id)}"]`)
  opener?.focus({ preventScroll: true })
  return opener !== null && document.activeElement === opener
}
