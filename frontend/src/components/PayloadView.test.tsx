import { fireEvent, render, screen, within } from '@testing-library/react'
import { expect, test, vi } from 'vitest'
import { PayloadView } from './PayloadView'

const ODD =
  '{"id":18446744073709551615,"order_id":9007199254740993,"amount":12345678901234567.89,"z":1.0,"e":1E2,' +
  '"x":1e400,"dup":1,"dup":2,"b":{"10":1,"2":2}}'

const lines = () => screen.getAllByRole('listitem').map((li) => li.textContent)

test('the tree shows values as they are written, in their order, equal names too', () => {
  render(<PayloadView text={ODD} />)
  expect(lines()).toEqual([
    'id: 18446744073709551615',
    'order_id: 9007199254740993',
    'amount: 12345678901234567.89',
    'z: 1.0',
    'e: 1E2',
    'x: 1e400',
    'dup: 1',
    'dup: 2',
    'b {2}',
    '10: 1',
    '2: 2',
  ])
})

test('raw and copy are the stored bytes', () => {
  const writeText = vi.fn(() => Promise.resolve())
  vi.stubGlobal('navigator', { clipboard: { writeText } })
  render(<PayloadView text={` ${ODD}`} />)
  fireEvent.click(screen.getByRole('button', { name: 'Raw' }))
  expect(within(screen.getByLabelText('Payload')).getByText(/1844/).textContent).toBe(` ${ODD}`)
  fireEvent.click(screen.getByRole('button', { name: 'Copy payload' }))
  expect(writeText).toHaveBeenCalledWith(` ${ODD}`)
  vi.unstubAllGlobals()
})

test('a payload of any depth is shown, as far as it is open', () => {
  const deep = '{"a":'.repeat(9998) + '1' + '}'.repeat(9998)
  render(<PayloadView text={deep} />)
  expect(lines()).toEqual(['a {1}', 'a {1}', 'a {1}'])
  const closed = () => document.querySelector<HTMLElement>('[aria-expanded="false"]')
  for (let level = 3; level < 30; level++) fireEvent.click(closed() as HTMLElement)
  expect(document.querySelectorAll('li')).toHaveLength(30)
  // Nothing is within anything: a payload that is open to its end needs no deeper page than one that is closed.
  expect(document.querySelectorAll('li li')).toHaveLength(0)
})

test('branches fold, empty ones say so, and long ones are cut', () => {
  render(<PayloadView text={`{"a":{"b":[]},"l":[${'0,'.repeat(299)}0]}`} />)
  expect(lines().slice(0, 4)).toEqual(['a {1}', 'b [0]', 'empty', 'l [300]'])
  expect(lines().at(-1)).toBe('100 more: see Raw')
  fireEvent.click(screen.getByRole('button', { name: 'l [300]' }))
  expect(lines()).toHaveLength(4)
})
