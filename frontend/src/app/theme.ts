import { useState } from 'react'
import { memory } from './memory'

export type Theme = 'system' | 'light' | 'dark'

const STORAGE_KEY = 'apier.theme'
const ORDER: readonly Theme[] = ['system', 'light', 'dark']

function stored(): Theme {
  const word = memory.getItem(STORAGE_KEY) as Theme
  return ORDER.includes(word) ? word : 'system'
}

/** Puts the reader's choice on the page; 'system' leaves it to the system. */
export function applyTheme(theme: Theme = stored()): void {
  if (theme === 'system') document.documentElement.removeAttribute('data-theme')
  else document.documentElement.setAttribute('data-theme', theme)
}

/** The theme, and what moves on to the next one. */
export function useTheme(): [Theme, () => void] {
  const [theme, setTheme] = useState(stored)
  const next = () => {
    const chosen = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length] ?? 'system'
    memory.setItem(STORAGE_KEY, chosen)
    applyTheme(chosen)
    setTheme(chosen)
  }
  return [theme, next]
}
