import { useIdentity } from '../app/data'
import { DataAge } from './DataAge'
import styles from './StatusStrip.module.css'

/** Whom this tab stands for, and how old what it shows is: on every page. */
export function StatusStrip() {
  return (
    <div className={styles.strip}>
      <Identity />
      <DataAge className={styles.age} />
    </div>
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
