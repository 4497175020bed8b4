import { render, screen } from '@testing-library/react'
import { expect, it, vi } from 'vitest'
import { aMinute } from '../test/answers'
import { StatCards } from './StatCards'

const summary = { total: 1, pending: 0, delivered: 1, failed: 0, success_rate: 100, seq: 9 }
const minute = '2026-01-01T10:00:00.000Z'
const words = (card: string) => screen.getByTestId(`card-${card}`).textContent.replaceAll('\u00a0', ' ')

// Three were created and two of them deleted: "+3" beside a count of 1 would contradict it.
it('says what was counted, whatever was deleted since', () => {
  vi.setSystemTime(minute)
  const series = [
    aMinute({ created: 3, delivered: 1, failed: 1, left_pending: 3, left_failed: 1, deleted: 2 }),
  ]
  render(<StatCards summary={summary} series={series} isLoading={false} />)
  expect(words('total')).toBe('Total13 created, 2 deleted in 1 h')
  expect(words('pending')).toBe('Pending03 came, 3 left in 1 h')
  expect(words('delivered')).toBe('Delivered11 delivered in 1 h')
  expect(words('failed')).toBe('Failed01 failed, 1 left in 1 h')
  expect(words('success-rate')).toBe('Success rate100 %50.0 % in 1 h')
  vi.useRealTimers()
})

it('says so when nothing ended', () => {
  render(<StatCards summary={summary} series={[]} isLoading={false} />)
  expect(words('success-rate')).toBe('Success rate100 %no outcome in 1 h')
})

it('shows neither a zero nor a line of what is not known', () => {
  const { container, rerender } = render(<StatCards summary={undefined} series={undefined} isLoading />)
  expect(container.textContent).not.toMatch(/\d/)
  expect(screen.getAllByTestId('skeleton')).toHaveLength(5)
  rerender(<StatCards summary={summary} series={undefined} isLoading />)
  expect(words('failed')).toBe('Failed0–')
  expect(screen.getAllByTestId('skeleton')).toHaveLength(5)
  rerender(<StatCards summary={summary} series={[aMinute()]} isLoading={false} />)
  expect(screen.queryByTestId('skeleton')).toBeNull()
})
