import { QueryClientProvider } from '@tanstack/react-query'
import { Suspense, useEffect, useState } from 'react'
import { Route, Switch } from 'wouter'
import { AuthProvider } from './app/auth/AuthProvider'
import { useAuth } from './app/auth/context'
import { takeKey } from './app/auth/fragment'
import type { Session } from './app/auth/session'
import { LiveProvider } from './app/live/LiveProvider'
import type { LiveSettings } from './app/live/settings'
import { createQueryClient } from './app/queries'
import { lazyPart } from './components/part'
import { ToastProvider } from './components/Toasts'
import { Shell } from './components/Shell'
import { DashboardPage } from './pages/DashboardPage'
import { NotFoundPage } from './pages/NotFoundPage'
import { SignInPage } from './pages/SignInPage'

const EventsPage = lazyPart(() => import('./pages/EventsPage').then((m) => m.EventsPage))
const WebhooksPage = lazyPart(() => import('./pages/WebhooksPage').then((m) => m.WebhooksPage))

interface AppProps {
  session: Session
  /** The API key of the link the page was opened with. */
  linkKey: string | null
  settings: LiveSettings
}

export function App({ session, linkKey, settings }: AppProps) {
  return (
    <AuthProvider session={session}>
      <Gate linkKey={linkKey} settings={settings} />
    </AuthProvider>
  )
}

// A link's key signs in even where somebody is signed in: the reader may have opened it to be somebody else.
function Gate({ linkKey, settings }: Omit<AppProps, 'session'>) {
  const { token, identity } = useAuth()
  const [key, setKey] = useState(linkKey)
  // Opened in a tab that is here already, a link changes nothing but the fragment.
  useEffect(() => {
    const onHash = () => {
      const given = takeKey(window)
      if (given) setKey(given)
    }
    window.addEventListener('hashchange', onHash)
    return () => window.removeEventListener('hashchange', onHash)
  }, [])
  if (key || !token) return <SignInPage key={key} linkKey={key} onDone={() => setKey(null)} />
  return <SignedIn key={identity} settings={settings} />
}

// Mounted anew for each identity, with its caches, its connection and its forms: nobody sees what another has read,
// or sends by the token of another.
function SignedIn({ settings }: { settings: LiveSettings }) {
  const [queryClient] = useState(createQueryClient)
  return (
    <QueryClientProvider client={queryClient}>
      <LiveProvider settings={settings}>
        <ToastProvider>
          <Shell>
            <Suspense fallback={null}>
              <Switch>
                <Route path="/">
                  <DashboardPage />
                </Route>
                <Route path="/events">
                  <EventsPage />
                </Route>
                <Route path="/webhooks">
                  <WebhooksPage />
                </Route>
                <Route>
                  <NotFoundPage />
                </Route>
              </Switch>
            </Suspense>
          </Shell>
        </ToastProvider>
      </LiveProvider>
    </QueryClientProvider>
  )
}
