import { expect, test } from 'vitest'
import { endpointName, shownName } from './names'

test.each([
  ['Müller & Co. 東京', 'Müller & Co. 東京'],
  ['a\u202eevil', 'a\\u202eevil'],
  ['a\u200bb\ufeff\u0007', 'a\\u200bb\\ufeff\\u0007'],
  ['a\u{e0001}', 'a\\u{e0001}'],
])('%j is shown as %j', (name, shown) => {
  expect(shownName(name)).toBe(shown)
  expect(endpointName({ description: name, url: 'https://x.example' })).toBe(shown)
})
