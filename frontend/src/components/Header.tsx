import { Monitor, Moon, Pause, Play, Send, Sun, WifiOff } from 'lucide-react'
import { useAuth } from '../app/auth/context'
import { count } from '../app/format'
import { useLive, useDashboardLive } from '../app/live/context'
import { useOnline } from '../app/live/freshness'
import { POLL_MS } from '../app/live/polling'
import { useTheme } from '../app/theme'
import { useTitle } from '../app/useTitle'
import { WebSocketState } from '../lib/useWebSocket'
import { ConnectionStatus } from './ConnectionStatus'
import styles from './Header.module.css'
import { useShell } from './shellContext'
import { Button } from './ui/Button'

/** The page's title, how live it is, and what can be done from anywhere. */
export function Header({ title }: { title: string }) {
  const { openSend } = useShell()
  const { canWrite } = useAuth()
  const { ws } = useLive()
  useTitle(title)
  return (
    <header className={styles.header} data-calm={isCalm(ws)}>
      <h1 className={styles.title}>{title}</h1>
      <Connection />
      <PauseButton />
      <ThemeButton />
      <Button
        tone="primary"
        aria-label="Send event"
        disabled={!canWrite}
        title={canWrite ? 'Send event (n)' : 'Your API key lacks the scope events:write'}
        onClick={() => openSend()}
      >
        <Send size={14} aria-hidden />
        <span className={styles.word}>Send event</span>
      </Button>
    </header>
  )
}

// The first attempt has no more to say than a connection: the page does not move once it is there.
function isCalm(ws: ReturnType<typeof useLive>['ws']): boolean {
  if (ws.isConnected) return true
  return ws.state === WebSocketState.CONNECTING && ws.reconnectAttempt === 0 && !ws.lastError
}

function Connection() {
  const { ws, polling } = useLive()
  const { settings } = useDashboardLive()
  const { canRead } = useAuth()
  const isOnline = useOnline()
  return (
    <div className={styles.connection} data-calm={isCalm(ws) && isOnline}>
      {/* Of a connection that may be gone already nothing is claimed. */}
      {(isOnline || !ws.isConnected) && (
        <ConnectionStatus
          state={ws.state}
          reconnectAttempt={ws.reconnectAttempt}
          reconnectDelay={ws.reconnectDelay}
          maxReconnectAttempts={settings.maxReconnectAttempts}
          lastError={canRead ? ws.lastError : null} // otherwise the page says why, see MissingAccess
          nextRetryAt={ws.nextRetryAt}
          quality={ws.quality}
          {...(polling ? { pollingEvery: POLL_MS } : {})}
          {...(settings.url ? { onReconnect: ws.reconnect } : {})}
          showDetails
        />
      )}
      {/* There before its words are: a status that comes together with them is not read out. */}
      <span className={styles.offline} role="status">
        {!isOnline && (
          <>
            <WifiOff size={14} aria-hidden /> You are offline
          </>
        )}
      </span>
    </div>
  )
}

function PauseButton() {
  const { paused, missed, setPaused } = useLive()
  const Icon = paused ? Play : Pause
  return (
    <>
      <span className={paused ? styles.missed : undefined} data-testid={paused ? 'missed' : undefined}>
        {/* Only the word is announced; the count would be read out with each event. */}
        <span role="status">{paused && 'Paused'}</span>
        {paused && ` · ${missed === 1 ? '1 change' : `${count(missed)} changes`} missed`}
      </span>
      <Button
        icon
        aria-label={paused ? 'Resume' : 'Pause'}
        title={paused ? 'Resume: show what was missed' : 'Pause: hold the page still'}
        onClick={() => setPaused(!paused)}
      >
        <Icon size={14} aria-hidden />
      </Button>
    </>
  )
}

const icons = { system: Monitor, light: Sun, dark: Moon }

function ThemeButton() {
  const [theme, next] = useTheme()
  const Icon = icons[theme]
  return (
    <Button icon aria-label={`Theme: ${theme}`} title={`Theme: ${theme}`} onClick={next}>
      <Icon size={14} aria-hidden />
    </Button>
  )
}
