import { fireEvent, render, screen } from '@testing-library/react'
import { useState } from 'react'
import { expect, it } from 'vitest'
import { Field } from './Field'

const faultOf = (text: string) => (text === '' ? 'is required' : /^\d+$/.test(text) ? '' : 'is no number')

function Form() {
  const [text, setText] = useState('1')
  return (
    <form onSubmit={(e) => e.preventDefault()}>
      <Field label="Rate" hint="A second." fault={faultOf(text)}>
        {(aria) => <input {...aria} value={text} onChange={(e) => setText(e.target.value)} />}
      </Field>
    </form>
  )
}

const input = () => screen.getByLabelText<HTMLInputElement>('Rate')
const type = (value: string) => fireEvent.input(input(), { target: { value } })
const note = () => document.getElementById(input().getAttribute('aria-describedby') ?? '')?.textContent

it('finds no fault while one types, but on leaving; what is mended goes at once', () => {
  render(<Form />)
  type('1x')
  expect(note()).toBe('A second.')
  expect(input().getAttribute('aria-invalid')).toBe('false')
  fireEvent.blur(input())
  expect(note()).toBe('is no number')
  expect(input().getAttribute('aria-invalid')).toBe('true')
  type('12')
  expect(note()).toBe('A second.')
})

it('finds fault when the form is sent, though the field was not left', () => {
  render(<Form />)
  type('')
  expect(note()).toBe('A second.')
  fireEvent.submit(input())
  expect(note()).toBe('is required')
})

it('says the hint outside of what is read out as it changes', () => {
  render(<Form />)
  expect(screen.getByText('A second.').closest('[aria-live]')).toBeNull()
})
