import type { NewEvent } from '../api/types'
import type { FieldProblem } from '../api/problem'
import { jsonFault } from './json'

/** What is typed into the form. */
export interface Draft {
  type: string
  source: string
  payload: string
}

/** What is wrong with each field; '' is nothing. */
export type DraftFaults = Record<keyof Draft, string>

const LONGEST = 128
const sizeOf = (text: string) => new TextEncoder().encode(text).length

export const templates: readonly { name: string; event: NewEvent }[] = [
  {
    name: 'Order created',
    event: {
      type: 'order.created',
      source: 'shop',
      payload: {
        order_id: 'ord_1001',
        amount: 4990,
        currency: 'EUR',
        items: [{ sku: 'mug-blue', quantity: 2 }],
      },
    },
  },
  {
    name: 'User signed up',
    event: { type: 'user.signed_up', source: 'accounts', payload: { user_id: 'usr_42', plan: 'free' } },
  },
  {
    name: 'Invoice paid',
    event: {
      type: 'invoice.paid',
      source: 'billing',
      payload: { invoice_id: 'inv_7', amount: 12000, currency: 'EUR' },
    },
  },
  { name: 'Empty', event: { type: '', source: '', payload: {} } },
]

/** A form with an event in it. */
export function draftOf(event: NewEvent): Draft {
  return {
    type: event.type,
    source: event.source,
    payload: event.payload_text ?? JSON.stringify(event.payload, null, 2),
  }
}

/** Judges a form by the server's rules, so that most faults show before anything is sent. */
export function faultsOf(draft: Draft): DraftFaults {
  return {
    type: typeFault(draft.type),
    source: sourceFault(draft.source),
    payload: payloadFault(draft.payload),
  }
}

function typeFault(type: string): string {
  if (type === '') return 'A type is required, such as order.created.'
  if (!/^[A-Za-z0-9._-]+$/.test(type)) return 'Only letters, digits, dot, underscore and hyphen are allowed.'
  return type.length > LONGEST ? `At most ${LONGEST} characters are allowed.` : ''
}

function sourceFault(source: string): string {
  if (source === '') return 'A source is required: the name of the sending system, such as shop.'
  return sizeOf(source) > LONGEST ? `At most ${LONGEST} bytes are allowed.` : ''
}

function payloadFault(text: string): string {
  const fault = jsonFault(text)
  if (fault) return `${fault.line}:${fault.column} ${fault.reason}.`
  const isObject = text.trim().startsWith('{')
  return isObject ? '' : '1:1 the payload has to be a JSON object: {…}.'
}

/** The event a faultless form says. */
export function eventOfDraft(draft: Draft): NewEvent {
  return {
    type: draft.type,
    source: draft.source,
    payload: JSON.parse(draft.payload) as Record<string, unknown>,
    payload_text: draft.payload.trim(), // as it was typed: 1.0 stays 1.0
  }
}

/** The faults a server found, put at their fields. */
export function faultsFrom(errors: readonly FieldProblem[]): DraftFaults {
  const at = (field: string) =>
    errors.find((e) => e.field === field || e.field.startsWith(`${field}.`))?.reason ?? ''
  return { type: at('type'), source: at('source'), payload: at('payload') }
}
