import { act, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { ToastProvider } from './Toasts'
import { useToast } from './toast'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

function Speaker() {
  const say = useToast()
  return (
    <>
      <button onClick={() => say('Copied')}>work</button>
      <button onClick={() => say('The server is full', 'error')}>fail</button>
    </>
  )
}

const show = () =>
  render(
    <ToastProvider>
      <main id="main" tabIndex={-1}>
        <Speaker />
      </main>
    </ToastProvider>,
  )
const press = (name: string) => fireEvent.click(screen.getByText(name))
const wait = (ms: number) =>
  void act(() => {
    vi.advanceTimersByTime(ms)
  })

it('what was done goes by itself, what failed stays until it is dismissed', () => {
  show()
  press('work')
  press('fail')
  wait(3_600_000)
  expect(screen.queryByText('Copied')).toBeNull()
  expect(screen.getByText('The server is full')).toBeTruthy()
  fireEvent.click(screen.getByLabelText('Dismiss'))
  expect(screen.queryByText('The server is full')).toBeNull()
})

it('no amount of good news pushes a failure out, and the same failure is shown once', () => {
  show()
  press('fail')
  press('fail')
  for (let i = 0; i < 9; i++) press('work')
  expect(screen.getAllByText('The server is full')).toHaveLength(1)
  expect(screen.getAllByText('Copied')).toHaveLength(3)
})

it('is reached by a key, and gives the focus back', () => {
  show()
  const opener = screen.getByText('fail')
  opener.focus()
  press('fail')
  fireEvent.keyDown(opener, { key: 'm' })
  const dismiss = screen.getByLabelText('Dismiss')
  expect(document.activeElement).toBe(dismiss)
  fireEvent.click(dismiss)
  expect(document.activeElement).toBe(opener)
})

it('does not go from under the focus', () => {
  show()
  press('work')
  screen.getByLabelText('Dismiss').focus()
  wait(20_000)
  expect(screen.getByText('Copied')).toBeTruthy()
})
