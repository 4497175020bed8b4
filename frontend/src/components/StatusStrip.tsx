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
  const key = data && (data.key_name ?? data.subject)
  return (
    <p className={styles.identity} data-testid="identity">
      {data ? (
        <>
          Tenant <strong>{data.tenant}</strong>, key <strong>{key}</strong>
          <span className={styles.scopes}>: {data.scopes.join(', ') || 'no scopes'}</span>
        </>
      ) : (
        'Tenant and key are not known'
      )}
    </p>
  )
}
