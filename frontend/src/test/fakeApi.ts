import type { LiveApi } from '../lib/query/rest'
import type { Accepted, ApiEvent, EventPage, NewEvent, Summary } from '../lib/query/types'

/** A request that waits until the test answers it. */
export class Asked<T> {
  readonly promise: Promise<T>
  answer!: (value: T) => void
  refuse!: (error: Error) => void

  constructor(readonly what: string) {
    this.promise = new Promise((resolve, reject) => {
      this.answer = resolve
      this.refuse = reject
    })
  }
}

/** A REST API whose answers come when the test says so; the last request of a kind is the one to answer. */
export class FakeApi implements LiveApi {
  readonly lists: Asked<EventPage>[] = []
  readonly events: Asked<ApiEvent>[] = []
  readonly summaries: Asked<Summary>[] = []
  readonly created: Asked<Accepted>[] = []

  readonly listEvents = (query: URLSearchParams) => ask(this.lists, query.toString())
  readonly getEvent = (id: string) => ask(this.events, id)
  readonly summary = () => ask(this.summaries, '')
  readonly createEvent = (event: NewEvent, key: string) => ask(this.created, `${key} ${event.type}`)
}

function ask<T>(all: Asked<T>[], what: string): Promise<T> {
  const asked = new Asked<T>(what)
  all.push(asked)
  return asked.promise
}
