import { expect, test } from 'vitest'
import { eventBody } from '../../lib/texts'
import { draftOf, eventOfDraft } from '../send/draft'
import { curlOf } from './curl'

const ODD = `{"id":18446744073709551615,"z":1.0,"e":1E2,"x":1e400,"dup":1,"dup":2,"b":{"10":1,"2":2},"s":"it's"}`

test('a command sends the payload as it is stored', () => {
  const event = { type: 'a.b', source: 's', payload: {}, payload_text: ODD }
  expect(curlOf(event, 'https://x.example')).toContain(`"payload":${ODD.replace("'", "'\\''")}}'`)
})

test('the form sends what was typed, and begins with what is stored', () => {
  const event = { type: 'a.b', source: 's', payload: {}, payload_text: ODD }
  expect(eventBody(eventOfDraft(draftOf(event)))).toBe(eventBody(event))
})
