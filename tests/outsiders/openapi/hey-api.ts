// Posts an event and lists it, with the client that hey-api/openapi-ts makes of openapi.json.
import { createEvent, listEvents } from '../generated/hey-api'
import { client } from '../generated/hey-api/client.gen'
import type { NewEvent } from '../generated/hey-api'

const [, , baseUrl, token] = process.argv
client.setConfig({ baseUrl: baseUrl ?? '', auth: () => token })

async function main() {
  const body: NewEvent = { type: 'outsider.heyapi', source: 'test', payload: { n: 7 } }
  const created = await createEvent({ body })
  const listed = await listEvents({ query: { type: ['outsider.heyapi'] } })
  const receipt = created.data
  if (!receipt || !('id' in receipt)) throw new Error(`refused: ${JSON.stringify(created.error)}`)
  const events = listed.data?.events ?? []
  console.log(events.length === 1 && events[0]?.id === receipt.id, events[0]?.payload.n)
}
void main()
