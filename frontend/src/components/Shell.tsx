import { Suspense, useMemo, useRef, useState } from 'react'
import type { ReactNode, RefObject } from 'react'
import { useLocation } from 'wouter'
import type { NewEvent } from '../app/api/types'
import { useHotkeys } from '../app/hotkeys'
import { useFreshness } from '../app/live/freshness'
import { Boundary } from './Boundary'
import { ClockNotice } from './ClockNotice'
import { Header } from './Header'
import { MissingAccess } from './MissingAccess'
import { Nav } from './Nav'
import { lazyPart } from './part'
import { ShellContext } from './shellContext'
import { StatusStrip } from './StatusStrip'
import styles from './Shell.module.css'

const SendEventSheet = lazyPart(() => import('./SendEventSheet').then((m) => m.SendEventSheet))
const HelpDialog = lazyPart(() => import('./HelpDialog').then((m) => m.HelpDialog))

const titles: Record<string, string> = { '/': 'Dashboard', '/events': 'Events', '/webhooks': 'Webhooks' }

/** The frame around each page: navigation, header, and what can be opened from anywhere. */
export function Shell({ children }: { children: ReactNode }) {
  const [path, navigate] = useLocation()
  const [send, setSend] = useState<{ draft?: NewEvent | undefined } | null>(null)
  const [hasSent, setHasSent] = useState(false)
  const [help, setHelp] = useState(false)
  const main = useRef<HTMLElement>(null)
  const actions = useMemo(
    () => ({
      openSend: (draft?: NewEvent) => {
        setHasSent(true)
        setSend({ draft })
      },
    }),
    [],
  )
  const closeAll = () => {
    setHasSent(false)
    setSend(null)
    setHelp(false)
  }
  useHotkeys({
    'g d': () => navigate('/'),
    'g e': () => navigate('/events'),
    'g w': () => navigate('/webhooks'),
    n: () => actions.openSend(),
    // On the events page the page itself answers this key.
    ...(path === '/events' ? {} : { '/': () => navigate('/events', { state: { focus: 'search' } }) }),
    '?': () => setHelp(true),
  })
  return (
    <ShellContext.Provider value={actions}>
      <div className={styles.shell}>
        <a
          className={styles.skip}
          href="#main"
          onClick={(e) => {
            e.preventDefault()
            main.current?.focus()
          }}
        >
          Skip to content
        </a>
        <Nav onHelp={() => setHelp(true)} />
        <div className={styles.column}>
          <Header title={titles[path] ?? 'Not found'} />
          <StatusStrip />
          <ClockNotice />
          <MissingAccess />
          <Main box={main}>
            <Boundary what="page" name={path}>
              {children}
            </Boundary>
          </Main>
        </div>
      </div>
      <div className={styles.sheets}>
        <Boundary what="form" name="sheets" onClose={closeAll}>
          <Suspense fallback={null}>
            {/* Kept once opened, so that what was typed survives a close and a failure. */}
            {hasSent && (
              <SendEventSheet
                open={send !== null}
                draft={send?.draft}
                onOpen={() => setSend({})}
                onClose={() => setSend(null)}
              />
            )}
            {help && <HelpDialog onClose={() => setHelp(false)} />}
          </Suspense>
        </Boundary>
      </div>
    </ShellContext.Provider>
  )
}

/** The page's content. While what it shows is old, its status colours are grey. */
function Main({ box, children }: { box: RefObject<HTMLElement | null>; children: ReactNode }) {
  const isStale = useFreshness().state === 'stale'
  return (
    <main id="main" ref={box} tabIndex={-1} className={styles.main} data-stale={isStale}>
      {children}
    </main>
  )
}
