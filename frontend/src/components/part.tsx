import { lazy } from 'react'
import type { ComponentType } from 'react'

/** A part of the dashboard could not be loaded: no network, or its file went with an upgrade of the server. */
export class PartError extends Error {
  override readonly name = 'PartError'
}

/** What makes parts that could not be loaded ready to be tried again. */
const failed = new Set<() => void>()

/**
 * Returns a component whose code is loaded when it is first shown. It needs a Suspense and a boundary around it; a failure
 * to load it is a {@link PartError}.
 */
export function lazyPart<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  const make = () =>
    lazy(async () => {
      try {
        return { default: await load() }
      } catch (cause) {
        failed.add(() => (Loaded = make()))
        throw new PartError('A part of the page could not be loaded.', { cause })
      }
    })
  let Loaded = make()
  return function Part(props: P) {
    return <Loaded {...props} />
  }
}

/** Loads the parts anew that could not be loaded, the next time they are shown. */
export function retryParts(): void {
  for (const again of failed) again()
  failed.clear()
}
