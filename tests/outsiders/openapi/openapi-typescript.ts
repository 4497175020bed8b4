// Posts an event and lists it, by the types that openapi-typescript makes of openapi.json.
import createClient from 'openapi-fetch'
import type { components, paths } from '../generated/openapi-typescript'

const [, , baseUrl, token] = process.argv
const api = createClient<paths>({ baseUrl: baseUrl ?? '', headers: { Authorization: `Bearer ${token}` } })

async function main() {
  const body: components['schemas']['NewEvent'] = { type: 'outsider.ots', source: 'test', payload: { n: 7 } }
  const created = await api.POST('/api/events', { body })
  const listed = await api.GET('/api/events', { params: { query: { type: ['outsider.ots'] } } })
  const receipt = created.data
  if (!receipt || !('id' in receipt)) throw new Error(`refused: ${JSON.stringify(created.error)}`)
  const events = listed.data?.events ?? []
  console.log(events.length === 1 && events[0]?.id === receipt.id, events[0]?.payload.n)
}
void main()
