import { asOfQuery, asOfWords, useFreshness } from '../../app/live/freshness'
import type { useEndpoints } from '../../app/webhooks/data'
import { summaryOf } from '../../app/webhooks/health'
import styles from './EndpointSummary.module.css'

/**
 * How the endpoints do, in a few words that are read out when they change; empty where there is none, and before
 * they are known. What is not known to be true now is never said to be well. It asks for nothing itself: mounted because a request has failed, it
 * would make the next one.
 */
export function EndpointSummary({ list: { query, health } }: { list: ReturnType<typeof useEndpoints> }) {
  const asOf = asOfQuery(useFreshness(), query)
  const isEmpty = health ? health.total === 0 && asOf === null : query.errorUpdateCount === 0
  const words = health ? summaryOf(health) : ''
  const isKnown = health !== undefined && asOf === null
  return (
    <p
      className={styles.summary}
      role="status"
      data-alarm={words !== ''}
      data-stale={!isKnown}
      data-testid="endpoints-summary"
    >
      {!isEmpty && isKnown && (words || 'All is well')}
      {!isEmpty && !isKnown && unknownWords(health && (words || 'none failing'), asOf)}
    </p>
  )
}

function unknownWords(words: string | undefined, asOf: number | null): string {
  return words && asOf ? `${words}, ${asOfWords(asOf)}` : 'Health is not known'
}
