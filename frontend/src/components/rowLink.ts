import type { MouseEvent } from 'react'

const isModified = (e: MouseEvent): boolean => e.ctrlKey || e.metaKey || e.shiftKey || e.altKey

/** The click on the link of a row: plain, it is left to the row; with a key, to the browser, which opens a tab or a window. */
export function onLinkClick(e: MouseEvent): void {
  if (isModified(e)) e.stopPropagation()
  else e.preventDefault()
}

/** Clicks beside the link of a row do what they do on it. */
export function rowClicks(href: string, onOpen: () => void, onRange?: () => void) {
  const openTab = () => window.open(href, '_blank', 'noopener')
  return {
    onClick: (e: MouseEvent) => {
      if (e.shiftKey && onRange) onRange()
      else if (e.ctrlKey || e.metaKey) openTab()
      else onOpen()
    },
    onAuxClick: (e: MouseEvent) => {
      const isOnLink = e.target instanceof Element && e.target.closest('a') !== null
      if (e.button === 1 && !isOnLink) openTab()
    },
    // A range of rows is meant, not of text.
    onMouseDown: (e: MouseEvent) => {
      if (e.shiftKey) e.preventDefault()
    },
  }
}
