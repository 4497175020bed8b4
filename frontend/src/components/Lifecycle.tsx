import { ArrowRight } from 'lucide-react'
import type { ReactNode } from 'react'
import { Link } from 'wouter'
import type { Summary } from '../app/api/types'
import { count } from '../app/format'
import styles from './Lifecycle.module.css'
import { StatusBadge } from './StatusBadge'

/** The way of an event, with how many stand where. */
export function Lifecycle({ summary }: { summary: Summary | undefined }) {
  const number = (n: number | undefined) => (n === undefined ? '–' : count(n))
  return (
    <div className={styles.flow}>
      <Step status="created" number={number(summary?.total)} href="/events">
        Total
      </Step>
      <ArrowRight className={styles.arrow} size={16} role="img" aria-label="then" />
      <Step status="pending" number={number(summary?.pending)} href="/events?status=pending">
        <StatusBadge status="pending" />
      </Step>
      <ArrowRight className={styles.arrow} size={16} role="img" aria-label="then" />
      <div className={styles.ends}>
        <Step status="delivered" number={number(summary?.delivered)} href="/events?status=delivered">
          <StatusBadge status="delivered" />
        </Step>
        <Step status="failed" number={number(summary?.failed)} href="/events?status=failed">
          <StatusBadge status="failed" />
        </Step>
      </div>
    </div>
  )
}

function Step(props: { status: string; number: string; href: string; children: ReactNode }) {
  return (
    <div className={styles.step} data-status={props.status}>
      <Link href={props.href}>
        {props.children}
        <p className={styles.number}>{props.number}</p>
      </Link>
    </div>
  )
}
