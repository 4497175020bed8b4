import { useAuth } from '../app/auth/context'
import { useIdentity } from '../app/data'
import { DataAge } from './DataAge'
import styles from './StatusStrip.module.css'

/** Whom this tab stands for, and how old what it shows is: on every page. */
export function StatusStrip() {
  return (
    <section className={styles.strip} aria-label="Session and data">
      <Identity />
      <DataAge className={styles.age} />
    </section>
  )
}

function Identity() {
  const { data } = useIdentity()
  const { claims } = useAuth()
  const key = data && (data.key_name ?? data.subject)
  const scopes = (data ?? claims)?.scopes
  // The token knows all but the key's name: the words are as long before the answer as after it.
  return (
    <p className={styles.identity} data-testid="identity">
      Tenant <strong>{data?.tenant ?? claims?.tenant ?? '–'}</strong>, key <strong>{key ?? '–'}</strong>
      {scopes && <span className={styles.colon}>: </span>}
      {scopes && <span className={styles.scopes}>{scopes.join(', ') || 'no scopes'}</span>}
    </p>
  )
}
