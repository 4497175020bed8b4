import { describe, expect, it } from 'vitest'
import { skipNested } from '../../lib/texts'
import { partsOf } from './parts'

const ODD =
  '{"id":18446744073709551615,"order_id":9007199254740993,"amount":12345678901234567.89,"z":1.0,"e":1E2,' +
  '"x":1e400,"dup":1,"dup":2,"b":{"10":1,"2":2}, "s" : "\\ud800 \\"] } \\\\" }'

describe('the parts of JSON', () => {
  it('come in the order and as often as they are written', () => {
    const parts = partsOf(ODD, 0).map((p) => `${p.name}=${ODD.slice(p.start, p.end)}`)
    expect(parts).toEqual([
      'id=18446744073709551615',
      'order_id=9007199254740993',
      'amount=12345678901234567.89',
      'z=1.0',
      'e=1E2',
      'x=1e400',
      'dup=1',
      'dup=2',
      'b={"10":1,"2":2}',
      's="\\ud800 \\"] } \\\\"',
    ])
  })

  it('are found in any depth and length', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000)
    expect(skipNested(deep, 0)).toBe(deep.length)
    const long = `{"a":"${'\\"x'.repeat(1_000_000)}","b":1}`
    expect(partsOf(long, 0).map((p) => p.name)).toEqual(['a', 'b'])
  })
})
