import { expect, it } from 'vitest'
import { holdRows } from './held'

const rows = ['e', 'd', 'c', 'b', 'a'].map((id) => ({ id }))

it('shows all at the top', () => {
  expect(holdRows(rows, null)).toEqual({ rows, fresh: 0 })
})

it('holds back what came in above the row that was on top', () => {
  expect(holdRows(rows, ['c', 'b'])).toEqual({ rows: rows.slice(2), fresh: 2 })
})

it('goes by the next row when that one was deleted', () => {
  expect(holdRows(rows, ['gone', 'b']).fresh).toBe(3)
})
