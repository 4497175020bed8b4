import { beforeEach, expect, it, vi } from 'vitest'
import { Session, renewalTime } from './session'

const HOUR = 3_600_000
let now = 0
const answer = (token: string) =>
  Response.json({ access_token: token, token_type: 'bearer', expires_in: 3600 })

beforeEach(() => {
  localStorage.clear()
  sessionStorage.clear()
  now = 1_000_000
})

const session = () => new Session(localStorage, sessionStorage, () => now)

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

const jwt = (claims: object) => `h.${btoa(JSON.stringify(claims))}.s${Math.random()}`

function tab(shared: Storage) {
  const kept = new Map<string, string>()
  const own = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  }
  return { own, session: new Session(shared, own, () => now) }
}

// What the browser tells the other tabs of a change of the shared storage.
function told(change: () => void | Promise<void>) {
  const before = localStorage.getItem('apier.session')
  const tell = () =>
    window.dispatchEvent(
      new StorageEvent('storage', {
        key: 'apier.session',
        oldValue: before,
        newValue: localStorage.getItem('apier.session'),
        storageArea: localStorage,
      }),
    )
  return Promise.resolve(change()).then(tell)
}

it('a tab keeps its identity when another signs in as somebody else', async () => {
  const [ann, bob] = [jwt({ tenant: 'a', sub: 'ann' }), jwt({ tenant: 'b', sub: 'bob' })]
  vi.stubGlobal('fetch', () => Promise.resolve(answer(ann)))
  const first = tab(localStorage)
  await first.session.signIn('a')
  const stop = first.session.start(window)
  const second = tab(localStorage)
  expect(second.session.getState().token).toBe(ann)
  vi.stubGlobal('fetch', () => Promise.resolve(answer(bob)))
  await told(() => second.session.signIn('b'))
  expect(first.session.getState().token).toBe(ann)
  expect(await first.session.token()).toBe(ann)
  // A new tab is signed in as the one who came last; a reload of the first tab is not.
  expect(tab(localStorage).session.getState().token).toBe(bob)
  expect(new Session(localStorage, first.own, () => now).getState().token).toBe(ann)
  await told(() => second.session.signOut())
  expect(first.session.getState().token).toBe(ann)
  stop()
})

it('a renewal and a sign-out reach the tabs of the same identity, and a renewal takes nothing from another', async () => {
  const claims = { tenant: 'a', sub: 'ann' }
  const [ann, renewed, bob] = [jwt(claims), jwt(claims), jwt({ tenant: 'b', sub: 'bob' })]
  vi.stubGlobal('fetch', () => Promise.resolve(answer(ann)))
  const first = tab(localStorage)
  await first.session.signIn('a')
  const stop = first.session.start(window)
  const second = tab(localStorage)
  const identity = first.session.getState().identity
  vi.stubGlobal('fetch', () => Promise.resolve(answer(renewed)))
  await told(async () => void (await second.session.fresh()))
  expect(first.session.getState()).toMatchObject({ token: renewed, identity })
  const third = tab(localStorage)
  vi.stubGlobal('fetch', () => Promise.resolve(answer(bob)))
  await third.session.signIn('b')
  vi.stubGlobal('fetch', () => Promise.resolve(answer(jwt(claims))))
  await first.session.fresh()
  expect(localStorage.getItem('apier.session')).toContain(bob)
  localStorage.setItem('apier.session', JSON.stringify({ token: renewed, expiresAt: now + HOUR }))
  await told(() => second.session.signOut())
  expect(first.session.getState().token).toBeNull()
  stop()
})

it('a new tab is that of the tab used last, and a sign-out there is one for all tabs of its identity', async () => {
  const [ann, bob] = [jwt({ tenant: 'a', sub: 'ann' }), jwt({ tenant: 'b', sub: 'bob' })]
  vi.stubGlobal('fetch', () => Promise.resolve(answer(ann)))
  const first = tab(localStorage)
  await first.session.signIn('a')
  const sibling = tab(localStorage)
  vi.stubGlobal('fetch', () => Promise.resolve(answer(bob)))
  await tab(localStorage).session.signIn('b')
  expect(tab(localStorage).session.getState().token).toBe(bob)
  const stop = first.session.start(window)
  window.dispatchEvent(new Event('pointerdown'))
  stop()
  expect(tab(localStorage).session.getState().token).toBe(ann)
  const stopSibling = sibling.session.start(window)
  await told(() => first.session.signOut())
  expect(sibling.session.getState().token).toBeNull()
  stopSibling()
})

it('a tab that was signed out stays so after a reload, whoever else is signed in', async () => {
  vi.stubGlobal('fetch', () => Promise.resolve(answer(jwt({ sub: 'ann' }))))
  const first = tab(localStorage)
  await first.session.signIn('a')
  first.session.signOut()
  vi.stubGlobal('fetch', () => Promise.resolve(answer(jwt({ sub: 'bob' }))))
  await tab(localStorage).session.signIn('b')
  expect(new Session(localStorage, first.own, () => now).getState().token).toBeNull()
})

it('a tab that is opened again takes the newer token of its identity', () => {
  const first = tab(localStorage)
  const keep = (token: string, expiresAt: number) => JSON.stringify({ token, expiresAt })
  const [old, renewed] = [jwt({ sub: 'ann' }), jwt({ sub: 'ann' })]
  first.own.setItem('apier.session', keep(old, now - 1))
  localStorage.setItem('apier.session', keep(renewed, now + HOUR))
  expect(new Session(localStorage, first.own, () => now).getState().token).toBe(renewed)
})
