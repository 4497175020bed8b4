import { expect, it, vi } from 'vitest'
import { takeKey } from './fragment'

function windowAt(url: string) {
  const { hash, pathname, search } = new URL(url)
  const replaceState = vi.fn()
  const win = { location: { hash, pathname, search }, history: { replaceState } }
  return { win: win as unknown as Window, replaceState }
}

it('takes the key and wipes it from the URL, keeping the query', () => {
  const { win, replaceState } = windowAt('http://host/events?status=failed#key=apier_abc')
  expect(takeKey(win)).toBe('apier_abc')
  expect(replaceState).toHaveBeenCalledWith(null, '', '/events?status=failed')
})

it('leaves a URL without a key alone', () => {
  const { win, replaceState } = windowAt('http://host/#section')
  expect(takeKey(win)).toBeNull()
  expect(replaceState).not.toHaveBeenCalled()
})

it('wipes an empty key too', () => {
  const { win, replaceState } = windowAt('http://host/#key=')
  expect(takeKey(win)).toBeNull()
  expect(replaceState).toHaveBeenCalled()
})
