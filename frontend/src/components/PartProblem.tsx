import { asProblem } from '../app/api/problem'
import { Problem } from './Problem'

/** What went wrong in a part of a page. What the credential may not see, the page says once: see MissingAccess. */
export function PartProblem({ error }: { error: unknown }) {
  if (asProblem(error).status === 403) return <p>Not shown to your API key.</p>
  return <Problem error={error} />
}
