import type { NewEvent } from '../api/types'

const quote = (text: string) => `'${text.replace(/'/g, `'\\''`)}'`

/** The command that sends such an event; the key stays a placeholder. */
export function curlOf(event: NewEvent, origin: string): string {
  const { type, source, payload } = event
  return [
    `curl ${quote(`${origin}/api/events`)}`,
    `-H "Authorization: Bearer $APIER_KEY"`,
    `-H 'Content-Type: application/json'`,
    `-d ${quote(JSON.stringify({ type, source, payload }))}`,
  ].join(' \\\n  ')
}
