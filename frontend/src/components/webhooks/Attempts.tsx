import { useState } from 'react'
import { seconds } from '../../app/format'
import { useAttempts } from '../../app/webhooks/data'
import type { Attempt } from '../../app/webhooks/types'
import { Moment } from '../Moment'
import { Problem } from '../Problem'
import { Button } from '../ui/Button'
import styles from './Attempts.module.css'
import { adviceFor, messageOf, outcomeOf } from './words'

/** The attempts of a delivery, newest first. */
export function Attempts({ delivery }: { delivery: string }) {
  const { data, error } = useAttempts(delivery)
  if (error && !data) return <Problem error={error} />
  if (!data) return <p role="status">Loading…</p>
  if (data.length === 0) return <p className={styles.muted}>No attempt yet.</p>
  return (
    <ol className={styles.attempts} reversed>
      {[...data].reverse().map((a) => (
        <li key={a.number} data-ok={a.error_kind === null} data-testid="attempt">
          <AttemptView attempt={a} />
        </li>
      ))}
    </ol>
  )
}

/** One attempt: outcome, where the time went, what the receiver said. */
export function AttemptView({ attempt: a }: { attempt: Attempt }) {
  const [isOpen, setOpen] = useState(false)
  const advice = adviceFor(a)
  return (
    <>
      <div className={styles.head}>
        <span className={styles.outcome}>{outcomeOf(a)}</span>
        <span className={styles.muted}>
          {seconds(a.duration_ms / 1000)} · <Moment at={a.started_at} />
        </span>
      </div>
      {messageOf(a) && <p className={styles.message}>{messageOf(a)}</p>}
      {advice && <p className={styles.muted}>{advice}</p>}
      <Timings attempt={a} />
      <Button tone="quiet" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {isOpen ? 'Hide' : 'Show'} request and answer
      </Button>
      {isOpen && (
        <>
          <Headers title="Sent" headers={a.request_headers} />
          <Headers title="Answered" headers={a.response_headers} />
          <Body label="Body of the answer" text={a.response_body} />
          {a.response_truncated && <p className={styles.muted}>The answer is longer; 16 KiB are kept.</p>}
        </>
      )}
    </>
  )
}

/** A body as it came; one that is longer than its box scrolls by keyboard too. */
export function Body({ label, text }: { label: string; text: string }) {
  return (
    <pre className={styles.body} role="region" aria-label={label} tabIndex={0}>
      {text || '(no body)'}
    </pre>
  )
}

/** How one attempt's time was spent, as parts of a bar and in words. */
function Timings({ attempt: a }: { attempt: Attempt }) {
  const [dns, connect, tls] = [a.dns_ms ?? 0, a.connect_ms ?? 0, a.tls_ms ?? 0]
  const spent = dns + connect + tls
  const answered = a.ttfb_ms ?? a.duration_ms // without an answer all the rest was waiting
  const parts = [
    { name: 'DNS', ms: dns },
    { name: 'connect', ms: connect },
    { name: 'TLS', ms: tls },
    { name: 'wait', ms: Math.max(0, answered - spent) },
    { name: 'read', ms: Math.max(0, a.duration_ms - Math.max(answered, spent)) },
  ].filter((p) => p.ms > 0)
  const words = parts.map((p) => `${p.name} ${seconds(p.ms / 1000)}`).join(', ')
  if (parts.length === 0) return null
  return (
    <figure className={styles.timings}>
      <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        {bars(parts).map((b) => (
          <rect key={b.name} data-part={b.name} x={b.x} width={b.width} height={4} />
        ))}
      </svg>
      <figcaption>{words}</figcaption>
    </figure>
  )
}

function bars(parts: readonly { name: string; ms: number }[]) {
  const total = parts.reduce((sum, p) => sum + p.ms, 0)
  let x = 0
  return parts.map(({ name, ms }) => {
    const width = (100 * ms) / total
    const bar = { name, x, width }
    x += width
    return bar
  })
}

function Headers({ title, headers }: { title: string; headers: Record<string, string> }) {
  const names = Object.keys(headers).sort()
  if (names.length === 0) return null
  return (
    <>
      <h4 className={styles.title}>{title}</h4>
      <dl className={styles.headers}>
        {names.map((name) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{headers[name]}</dd>
          </div>
        ))}
      </dl>
    </>
  )
}
