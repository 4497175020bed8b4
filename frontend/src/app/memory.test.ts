import { afterEach, expect, it, vi } from 'vitest'
import { Session } from './auth/session'
import { memory, tabMemory } from './memory'
import { applyTheme } from './theme'

afterEach(() => vi.restoreAllMocks())

it('remembers', () => {
  memory.setItem('a', '1')
  expect(localStorage.getItem('a')).toBe('1')
  expect(memory.getItem('a')).toBe('1')
  memory.removeItem('a')
  expect(memory.getItem('a')).toBeNull()
})

it('where it is barred the page works, and remembers nothing', async () => {
  for (const name of ['localStorage', 'sessionStorage'] as const) {
    vi.spyOn(window, name, 'get').mockImplementation(() => {
      throw new DOMException('Access is denied for this document.', 'SecurityError')
    })
  }
  vi.stubGlobal('fetch', () => Promise.resolve(Response.json({ access_token: 't', expires_in: 3600 })))
  expect(() => applyTheme()).not.toThrow()
  const session = new Session(memory, tabMemory)
  await session.signIn('apier_key')
  expect(session.getState().token).toBe('t')
  expect(new Session(memory, tabMemory).getState().token).toBeNull()
  session.signOut()
  expect(session.getState().token).toBeNull()
})
