import { ApiProblem } from './problem'

/**
 * The path of one thing. An id that is none, as somebody may have typed it into an address, leads nowhere: asked for,
 * it could be the name of another route, such as /api/events/export.
 */
export function pathOf(collection: 'events' | 'endpoints', id: string): string {
  const prefix = collection === 'events' ? 'evt_' : 'ep_'
  if (!id.startsWith(prefix) || !/^\w+$/.test(id)) {
    throw new ApiProblem({ title: 'Not found', status: 404, code: 'not_found' })
  }
  return `/api/${collection}/${id}`
}
