import { useEffect, useRef, useState } from 'react'
import type { SyntheticEvent } from 'react'
import { asProblem } from '../app/api/problem'
import { useAuth } from '../app/auth/context'
import { useTitle } from '../app/useTitle'
import { Problem } from '../components/Problem'
import { Button } from '../components/ui/Button'
import { Field, inputClass } from '../components/ui/Field'
import styles from './SignInPage.module.css'

interface SignInPageProps {
  /** The key of the link the page was opened with: tried at once. */
  linkKey: string | null
  /** The attempt is over and the page no longer needed. */
  onDone: () => void
}

export function SignInPage({ linkKey, onDone }: SignInPageProps) {
  useTitle('Sign in')
  const { reason } = useAuth()
  const { error, busy, signIn } = useSignIn(linkKey, onDone)
  return (
    <main className={styles.page}>
      <div className={styles.brand}>
        <img src="/favicon.svg" width={32} height={32} alt="" />
        <h1>Sign in to API/er</h1>
      </div>
      {reason && !error && <p role="status">{reason} Sign in again to go on.</p>}
      {error !== null && <Failure error={error} />}
      {linkKey && busy ? <p role="status">Signing in…</p> : <KeyForm busy={busy} onSubmit={signIn} />}
      <p className={styles.help}>
        The server prints a link with a key when it starts for the first time. A new key:{' '}
        <code>apier keys create</code>
      </p>
    </main>
  )
}

function useSignIn(linkKey: string | null, onDone: () => void) {
  const auth = useAuth()
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(linkKey !== null)
  const signIn = (key: string) => {
    setBusy(true)
    setError(null)
    auth
      .signIn(key)
      .then(onDone, setError)
      .finally(() => setBusy(false))
  }
  const tried = useRef(false)
  useEffect(() => {
    if (!linkKey || tried.current) return
    tried.current = true
    signIn(linkKey)
  })
  return { error, busy, signIn }
}

function Failure({ error }: { error: unknown }) {
  const { status } = asProblem(error)
  const isRefused = status === 400 || status === 401 || status === 403
  return <Problem error={error} {...(isRefused ? { hint: 'Check the key, or use another one.' } : {})} />
}

function KeyForm({ busy, onSubmit }: { busy: boolean; onSubmit: (key: string) => void }) {
  const [key, setKey] = useState('')
  const submit = (e: SyntheticEvent) => {
    e.preventDefault()
    if (key.trim()) onSubmit(key.trim())
  }
  return (
    <form className={styles.form} onSubmit={submit}>
      <Field label="API key" hint="It is used once to sign in and never stored.">
        {(aria) => (
          <input
            {...aria}
            className={inputClass}
            type="password"
            autoComplete="off"
            placeholder="apier_…"
            value={key}
            onChange={(e) => setKey(e.target.value)}
          />
        )}
      </Field>
      <Button type="submit" tone="primary" disabled={busy || !key.trim()}>
        {busy ? 'Signing in…' : 'Sign in'}
      </Button>
    </form>
  )
}
