import { expect, it } from 'vitest'
import { liveSettings } from './settings'

const at = (search: string, protocol = 'https:') => ({ protocol, host: 'h:1', search })
const source = { built: undefined, served: null, location: at('') }

it.each([
  ['beside the page', source, 'wss://h:1/ws'],
  ['without TLS', { ...source, location: at('', 'http:') }, 'ws://h:1/ws'],
  ['from the build', { ...source, built: 'wss://x/p' }, 'wss://x/p'],
  ['off by the build', { ...source, built: 'off' }, ''],
  ['off by the server', { ...source, served: 'off' }, ''],
  ['off by the query', { ...source, location: at('?ws=off') }, ''],
  ['where the server says', { ...source, served: '/live' }, 'wss://h:1/live'],
])('connects %s', (_name, given, url) => {
  expect(liveSettings(given).url).toBe(url)
})

it('keeps the token out of the address of its own server, and works with any other', () => {
  expect(liveSettings(source).dialect).toBe('v1')
  expect(liveSettings({ ...source, built: 'wss://x/p' }).dialect).toBe('auto')
})

it('takes the backoff from the query', () => {
  expect(liveSettings({ ...source, location: at('?reconnect=2,100,x') })).toMatchObject({
    maxReconnectAttempts: 2,
    initialReconnectDelay: 100,
    maxReconnectDelay: 30_000,
  })
})
