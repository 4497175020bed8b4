import { useQueryClient } from '@tanstack/react-query'
import { useCallback, useSyncExternalStore } from 'react'
import { ApiProblem } from '../app/api/problem'
import { useAuth } from '../app/auth/context'
import styles from './MissingAccess.module.css'
import { Problem } from './Problem'

const SCOPE = new ApiProblem({
  status: 403,
  title: 'Your API key lacks the scope events:read',
  detail: 'Events, figures and endpoints cannot be shown.',
})
const REMEDY = 'Sign in with a key that has it: apier keys create --scopes events:read,events:write'

/** Says once for the whole page what the credential may not see, and what to do; nothing where it may see all. */
export function MissingAccess() {
  const { canRead } = useAuth()
  const refusal = useRefusal()
  if (canRead && !refusal) return null
  return (
    <div className={styles.banner}>
      {canRead ? <Problem error={refusal} /> : <Problem error={SCOPE} hint={REMEDY} />}
    </div>
  )
}

/** The first refusal among what the page has asked for: a token may be narrower than its scopes say. */
function useRefusal(): ApiProblem | null {
  const cache = useQueryClient().getQueryCache()
  const subscribe = useCallback((listener: () => void) => cache.subscribe(listener), [cache])
  return useSyncExternalStore(subscribe, () => {
    const refused = cache.getAll().find((query) => query.isActive() && isRefused(query.state.error))
    return (refused?.state.error as ApiProblem | undefined) ?? null
  })
}

const isRefused = (error: unknown) => error instanceof ApiProblem && error.status === 403
