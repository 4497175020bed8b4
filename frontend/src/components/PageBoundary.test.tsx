import { fireEvent, render, screen } from '@testing-library/react'
import { expect, it, vi } from 'vitest'
import { PageBoundary } from './PageBoundary'

it('a page that fails leaves the others standing, and can be tried again', () => {
  vi.spyOn(console, 'error').mockImplementation(() => undefined)
  let broken = true
  function Page({ name }: { name: string }) {
    if (broken && name === '/a') throw new Error('no chart')
    return <p>page {name}</p>
  }
  const show = (page: string) => (
    <PageBoundary page={page}>
      <Page name={page} />
    </PageBoundary>
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
