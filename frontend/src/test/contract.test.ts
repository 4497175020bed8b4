import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, it, test } from 'vitest'
import { aDeliveryTo, anEndpoint } from '../app/webhooks/fixtures'
import { aHealthPage, aLatency, aThroughput } from './answers'
import { anEvent } from './events'

type Schema = Record<string, unknown>
const document = JSON.parse(readFileSync(resolve('../internal/api/openapi.json'), 'utf8')) as Schema

function at(path: string): Schema {
  return path
    .replace('#/', '')
    .split('/')
    .reduce<Schema>((node, name) => node[name] as Schema, document)
}

/** What of a value a schema does not describe, or describes and the value lacks. */
function unlike(schema: Schema, value: unknown, path: string): string[] {
  if (typeof schema.$ref === 'string') return unlike(at(schema.$ref), value, path)
  const types = [schema.type ?? []].flat() as string[]
  const type = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
  const isNumber =
    type === 'number' && (types.includes('number') || (types.includes('integer') && Number.isInteger(value)))
  if (types.length > 0 && !types.includes(type) && !isNumber)
    return [`${path} is ${type}, not ${types.join(' or ')}`]
  if (Array.isArray(value)) return value.flatMap((v, i) => unlike(schema.items as Schema, v, `${path}[${i}]`))
  if (type !== 'object' || !schema.properties) return []
  const known = schema.properties as Record<string, Schema>
  const given = value as Record<string, unknown>
  const missing = ((schema.required ?? []) as string[]).filter((name) => !(name in given))
  return [
    ...missing.map((name) => `${path}.${name} is missing`),
    ...Object.entries(given).flatMap(([name, v]) =>
      known[name] ? unlike(known[name], v, `${path}.${name}`) : [`${path}.${name} is sent by no server`],
    ),
  ]
}

// The server is held to the document by a test of its own, internal/api: TestAnswersConform.
test.each([
  ['Throughput', aThroughput()],
  ['Latency', aLatency()],
  ['EndpointHealth', aHealthPage()],
  ['Endpoint', anEndpoint()],
  ['Delivery', aDeliveryTo('ep_06d86tnnr1x3372y4yw09mvfm4')],
  ['Event', anEvent()],
])('the fixture of %s is an answer that a server gives', (name, fixture) => {
  expect(unlike({ $ref: `#/components/schemas/${name}` }, fixture, name)).toEqual([])
})

it('notices a fixture that is richer than the answer, and one that is poorer', () => {
  const schema = { $ref: '#/components/schemas/Throughput' }
  expect(unlike(schema, { ...aThroughput(), cursor: 7 }, 't')).toEqual(['t.cursor is sent by no server'])
  expect(unlike(schema, { ...aThroughput(), seq: undefined }, 't')).toHaveLength(1)
})
