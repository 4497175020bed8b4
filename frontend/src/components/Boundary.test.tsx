import { fireEvent, render, screen } from '@testing-library/react'
import { Suspense } from 'react'
import { expect, it, vi } from 'vitest'
import { Boundary } from './Boundary'
import { lazyPart } from './part'

it('a page that fails leaves the others standing, and can be tried again', () => {
  vi.spyOn(console, 'error').mockImplementation(() => undefined)
  let broken = true
  function Page({ name }: { name: string }) {
    if (broken && name === '/a') throw new Error('no chart')
    return <p>page {name}</p>
  }
  const show = (page: string) => (
    <Boundary what="page" name={page}>
      <Page name={page} />
    </Boundary>
  )
  const { rerender } = render(show('/a'))
  expect(screen.getByRole('alert').textContent).toContain('This page has failed')
  rerender(show('/b'))
  expect(screen.getByText('page /b')).toBeTruthy()
  rerender(show('/a'))
  expect(screen.getByRole('alert')).toBeTruthy()
  broken = false
  fireEvent.click(screen.getByRole('button', { name: 'Try again' }))
  expect(screen.getByText('page /a')).toBeTruthy()
})

it('a part whose file is gone offers a reload, and is loaded again on demand', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => undefined)
  let loads = 0
  const Chart = lazyPart<{ word: string }>(() => {
    loads++
    return loads < 3 ? Promise.reject(new TypeError('gone')) : Promise.resolve(({ word }) => <p>{word}</p>)
  })
  render(
    <Boundary what="chart" name="throughput">
      <Suspense fallback="…">
        <Chart word="drawn" />
      </Suspense>
    </Boundary>,
  )
  for (const tries of [1, 2]) {
    expect((await screen.findByRole('alert')).textContent).toContain('This chart could not be loaded')
    expect(screen.getByRole('button', { name: 'Reload the page' })).toBeTruthy()
    expect(loads).toBe(tries)
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }))
  }
  expect(await screen.findByText('drawn')).toBeTruthy()
  expect(loads).toBe(3)
})
