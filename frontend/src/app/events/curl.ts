import { eventBody } from '../../lib/texts'
import type { NewEvent } from '../api/types'

const quote = (text: string) => `'${text.replace(/'/g, `'\\''`)}'`

/** The command that sends such an event; the key stays a placeholder. */
export function curlOf(event: NewEvent, origin: string): string {
  return [
    `curl ${quote(`${origin}/api/events`)}`,
    `-H "Authorization: Bearer $APIER_KEY"`,
    `-H 'Content-Type: application/json'`,
    `-d ${quote(eventBody(event))}`,
  ].join(' \\\n  ')
}
