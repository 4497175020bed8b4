import { expect, it } from 'vitest'
import { latencyChart, lonely, throughputChart } from './chart'

it('has a scale to read, even of nothing', () => {
  expect(latencyChart([], '15m', 0).least).toBe(0.01)
  expect(throughputChart([], '15m', 0).least).toBe(4)
})

it('draws zeros where nothing was created, and gaps where nothing was delivered', () => {
  expect(new Set(throughputChart([], '1h', 0).lines[0]?.values)).toEqual(new Set([0]))
  expect(new Set(latencyChart([], '1h', 0).lines[0]?.values)).toEqual(new Set([null]))
})

it('marks only the points that no line shows', () => {
  expect(lonely([1, null, 2, 3, null, 4])).toEqual([0, 5])
  expect(lonely([1, 2, 3])).toEqual([])
  expect(lonely([])).toEqual([])
})
