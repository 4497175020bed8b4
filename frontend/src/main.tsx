import { linkKey } from './app/auth/linkKey'
import { setNonce } from 'get-nonce'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './App'
import { Session } from './app/auth/session'
import { readLiveSettings } from './app/live/settings'
import { memory, tabMemory } from './app/memory'
import { applyTheme } from './app/theme'
import './styles/tokens.css'
import './styles/base.css'

// Radix adds one style element while a sheet is open; the policy lets it in by this nonce.
const nonce = document.querySelector<HTMLElement>('meta[property="csp-nonce"]')
if (nonce) setNonce(nonce.nonce || nonce.getAttribute('content') || '')

applyTheme()
const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App session={new Session(memory, tabMemory)} linkKey={linkKey} settings={readLiveSettings()} />
    </StrictMode>,
  )
}
