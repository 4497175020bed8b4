import { BookOpen, Keyboard, LayoutDashboard, List, LogOut, Webhook } from 'lucide-react'
import { Link, useLocation } from 'wouter'
import { useAuth } from '../app/auth/context'
import { useServerConfig } from '../app/data'
import styles from './Nav.module.css'

const pages = [
  { path: '/', word: 'Dashboard', icon: LayoutDashboard },
  { path: '/events', word: 'Events', icon: List },
  { path: '/webhooks', word: 'Webhooks', icon: Webhook },
]

/** The navigation column; icons only where it is narrow, a bar at the bottom where it is narrower still. */
export function Nav({ onHelp }: { onHelp: () => void }) {
  const [path] = useLocation()
  const { signOut } = useAuth()
  const { data: config } = useServerConfig()
  return (
    <nav className={styles.nav} aria-label="Main">
      <div className={styles.brand}>
        <img src="/favicon.svg" width={24} height={24} alt="" />
        <span className={styles.word}>API/er</span>
      </div>
      {pages.map(({ path: to, word, icon: Icon }) => (
        <Link
          key={to}
          href={to}
          title={word}
          className={styles.item}
          aria-current={path === to ? 'page' : undefined}
        >
          <Icon size={16} aria-hidden />
          <span className={styles.word}>{word}</span>
        </Link>
      ))}
      <a className={styles.item} href="/api/docs" title="API docs">
        <BookOpen size={16} aria-hidden />
        <span className={styles.word}>API docs</span>
      </a>
      <div className={styles.space} />
      <button
        type="button"
        className={`${styles.item} ${styles.keys}`}
        title="Keyboard shortcuts (?)"
        onClick={onHelp}
      >
        <Keyboard size={16} aria-hidden />
        <span className={styles.word}>Shortcuts</span>
      </button>
      <button type="button" className={styles.item} title="Sign out" onClick={signOut}>
        <LogOut size={16} aria-hidden />
        <span className={styles.word}>Sign out</span>
      </button>
      <p className={styles.version}>{config?.version && `Version ${config.version}`}</p>
    </nav>
  )
}
