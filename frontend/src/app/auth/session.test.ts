import { beforeEach, expect, it, vi } from 'vitest'
import { Session, renewalTime } from './session'

const HOUR = 3_600_000
let now = 0
const answer = (token: string) =>
  Response.json({ access_token: token, token_type: 'bearer', expires_in: 3600 })

beforeEach(() => {
  localStorage.clear()
  now = 1_000_000
})

const session = () => new Session(localStorage, () => now)

it('exchanges the key for a token and stores only that', async () => {
  const fetched = vi.fn(() => Promise.resolve(answer('t1')))
  vi.stubGlobal('fetch', fetched)
  const s = session()
  await s.signIn('apier_secret')
  expect(fetched.mock.calls[0]).toMatchObject([
    '/api/token',
    { method: 'POST', body: 'username=api&password=apier_secret' },
  ])
  expect(s.getState().token).toBe('t1')
  expect(JSON.stringify({ ...localStorage })).not.toContain('apier_secret')
  expect(session().getState().token).toBe('t1')
})

it('renews once when due, for however many ask', async () => {
  const fetched = vi.fn(() => Promise.resolve(answer('t1')))
  vi.stubGlobal('fetch', fetched)
  const s = session()
  await s.signIn('k')
  now += HOUR * 0.9
  fetched.mockImplementation(() => Promise.resolve(answer('t2')))
  expect(await Promise.all([s.token(), s.token()])).toEqual(['t2', 't2'])
  expect(fetched).toHaveBeenCalledTimes(2)
})

it('signs out with a reason when the token is refused or has expired', async () => {
  vi.stubGlobal('fetch', () => Promise.resolve(answer('t1')))
  const s = session()
  await s.signIn('k')
  s.refused('another')
  expect(s.getState().token).toBe('t1')
  s.refused('t1')
  expect(s.getState()).toMatchObject({ token: null, reason: 'The server no longer accepts your session.' })
  await s.signIn('k')
  now += HOUR
  expect(await s.token()).toBeNull()
  expect(s.getState().reason).toBe('Your session has expired.')
})

it('keeps a good token when the server is away at renewal', async () => {
  vi.stubGlobal('fetch', () => Promise.resolve(answer('t1')))
  const s = session()
  await s.signIn('k')
  now += HOUR * 0.9
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')))
  expect(await s.token()).toBe('t1')
})

it('renews before the end, and in the middle of short lives', () => {
  expect(renewalTime(0, HOUR)).toBe(HOUR * 0.8)
  expect(renewalTime(0, 60_000)).toBe(30_000)
})

it('a renewal that ends after the sign-out, or after another has signed in, changes nothing', async () => {
  vi.stubGlobal('fetch', () => Promise.resolve(answer('t1')))
  const s = session()
  await s.signIn('ann')
  let renewed: (response: Response) => void = () => undefined
  vi.stubGlobal('fetch', () => new Promise<Response>((resolve) => (renewed = resolve)))
  const renewal = s.fresh()
  s.signOut()
  vi.stubGlobal('fetch', () => Promise.resolve(answer('bob')))
  await s.signIn('bob')
  renewed(answer('t2'))
  expect(await renewal).toBe('bob')
  expect(s.getState().token).toBe('bob')
  expect(session().getState().token).toBe('bob')
})

it('a renewal that never ends is not what another user waits for', async () => {
  vi.stubGlobal('fetch', () => Promise.resolve(answer('t1')))
  const s = session()
  await s.signIn('ann')
  vi.stubGlobal('fetch', () => new Promise<Response>(() => undefined))
  void s.fresh()
  s.signOut()
  vi.stubGlobal('fetch', () => Promise.resolve(answer('bob')))
  await s.signIn('bob')
  vi.stubGlobal('fetch', () => Promise.resolve(answer('bob2')))
  expect(await s.fresh()).toBe('bob2')
})
