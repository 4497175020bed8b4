import styles from './JsonTree.module.css'

// Deeper levels are closed at first, and long lists cut: raw has all of it.
const OPEN_LEVELS = 2
const SHOWN = 200

const isBranch = (value: unknown): value is object => typeof value === 'object' && value !== null

/** A JSON value as a tree that can be folded. Text stays text. */
export function JsonTree({ value }: { value: object }) {
  return (
    <div className={styles.tree}>
      <Entries value={value} level={0} />
    </div>
  )
}

function Entries({ value, level }: { value: object; level: number }) {
  const entries = Object.entries(value) as [string, unknown][]
  if (entries.length === 0) return <p className={styles.quiet}>empty</p>
  return (
    <ul>
      {entries.slice(0, SHOWN).map(([name, child]) => (
        <li key={name}>
          <Entry name={name} value={child} level={level} />
        </li>
      ))}
      {entries.length > SHOWN && <li className={styles.quiet}>{entries.length - SHOWN} more: see Raw</li>}
    </ul>
  )
}

function Entry({ name, value, level }: { name: string; value: unknown; level: number }) {
  if (!isBranch(value)) {
    return (
      <>
        <span className={styles.name}>{name}</span>:{' '}
        <span className={styles.text}>{JSON.stringify(value)}</span>
      </>
    )
  }
  const size = Object.keys(value).length
  return (
    <details open={level < OPEN_LEVELS}>
      <summary>
        <span className={styles.name}>{name}</span>{' '}
        <span className={styles.quiet}>{Array.isArray(value) ? `[${size}]` : `{${size}}`}</span>
      </summary>
      <Entries value={value} level={level + 1} />
    </details>
  )
}
