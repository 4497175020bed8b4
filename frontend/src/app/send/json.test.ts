import fc from 'fast-check'
import { expect, it } from 'vitest'
import { faultsOf } from './draft'
import { jsonFault } from './json'

it.each([
  ['{"a": 1,}', 1, 9],
  ['{\n  "a" 1\n}', 2, 7],
  ['{\n  "a": nope\n}', 2, 8],
  ['{"a": "x', 1, 7],
  ['', 1, 1],
  ['{} x', 1, 4],
  ['[1 2]', 1, 4],
])('places the fault of %j', (text, line, column) => {
  expect(jsonFault(text)).toMatchObject({ line, column })
})

it('agrees with JSON.parse', () => {
  const valid = (text: string) => {
    try {
      JSON.parse(text)
      return true
    } catch {
      return false
    }
  }
  fc.assert(fc.property(fc.json(), (text) => jsonFault(text) === null))
  const nearly = fc.tuple(fc.json(), fc.nat(), fc.constantFrom('', ',', '"', '}', '0', '\\', '\n'))
  fc.assert(
    fc.property(nearly, ([text, at, c]) => {
      const i = at % (text.length + 1)
      const broken = text.slice(0, i) + c + text.slice(i + 1)
      return (jsonFault(broken) === null) === valid(broken)
    }),
  )
})

it('judges the form field by field', () => {
  const faults = faultsOf({ type: 'a b', source: '', payload: '[]' })
  expect(faults.type).toContain('Only letters')
  expect(faults.source).toContain('required')
  expect(faults.payload).toContain('JSON object')
})
