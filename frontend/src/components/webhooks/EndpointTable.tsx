import { useMemo } from 'react'
import { count, percent } from '../../app/format'
import { useNow } from '../../app/now'
import { byUrgency, healthOf, successRate, troubleOf } from '../../app/webhooks/health'
import type { Endpoint } from '../../app/webhooks/types'
import { endpointName } from '../../app/names'
import { Moment } from '../Moment'
import { onLinkClick, rowClicks } from '../rowLink'
import styles from './EndpointTable.module.css'
import { HealthBadge } from './HealthBadge'

const LOOK_MS = 5000

interface EndpointTableProps {
  endpoints: readonly Endpoint[]
  activeId: string | null
  onOpen: (id: string) => void
}

/** Every endpoint in one line, those that need somebody first. */
export function EndpointTable({ endpoints, activeId, onOpen }: EndpointTableProps) {
  const now = useNow(LOOK_MS)
  const sorted = useMemo(() => [...endpoints].sort(byUrgency(now)), [endpoints, now])
  return (
    <table className={styles.table} aria-label="Endpoints" data-beside={activeId !== null}>
      <thead>
        <tr>
          <th scope="col">Health</th>
          <th scope="col">Endpoint</th>
          <th scope="col" className={styles.wide}>
            Types
          </th>
          <th scope="col" className={styles.right}>
            Waiting
          </th>
          <th scope="col" className={styles.right}>
            Gave up
          </th>
          <th scope="col" className={`${styles.right} ${styles.wide}`}>
            Success
          </th>
          <th scope="col" className={`${styles.right} ${styles.wide}`}>
            Last success
          </th>
        </tr>
      </thead>
      <tbody>
        {sorted.map((e) => (
          <EndpointRow key={e.id} endpoint={e} now={now} isActive={e.id === activeId} onOpen={onOpen} />
        ))}
      </tbody>
    </table>
  )
}

interface RowProps {
  endpoint: Endpoint
  now: number
  isActive: boolean
  onOpen: (id: string) => void
}

function EndpointRow({ endpoint: e, now, isActive, onOpen }: RowProps) {
  const rate = successRate(e)
  const state = healthOf(e, now)
  const trouble = troubleOf(e)
  const href = `/webhooks?endpoint=${encodeURIComponent(e.id)}`
  return (
    <tr
      data-testid="endpoint-row"
      data-endpoint-id={e.id}
      data-health={state}
      data-active={isActive}
      {...rowClicks(href, () => onOpen(e.id))}
    >
      <td>
        <HealthBadge state={state} />
      </td>
      <td className={styles.name}>
        <a className={styles.open} href={href} data-opens={e.id} onClick={onLinkClick}>
          {endpointName(e)}
        </a>
        {e.description && <span className={styles.muted}>{e.url}</span>}
        {trouble && <span className={styles.trouble}>{trouble}</span>}
      </td>
      <td className={`${styles.wide} ${styles.types}`}>{e.types.length > 0 ? e.types.join(', ') : 'all'}</td>
      <td className={styles.right}>{count(e.pending)}</td>
      <td className={styles.right} data-alarm={e.failed > 0}>
        {count(e.failed)}
      </td>
      <td className={`${styles.right} ${styles.wide}`}>{rate === null ? '–' : percent(rate)}</td>
      <td className={`${styles.right} ${styles.wide}`}>
        {e.last_success_at ? <Moment at={e.last_success_at} /> : 'never'}
      </td>
    </tr>
  )
}
