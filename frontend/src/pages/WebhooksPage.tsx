import { Lock, Plus, Webhook } from 'lucide-react'
import { useState } from 'react'
import { useSearchParams } from 'wouter'
import { asProblem, isDeleted } from '../app/api/problem'
import { useAuth } from '../app/auth/context'
import { useHotkeys } from '../app/hotkeys'
import { useOpenInUrl } from '../app/openInUrl'
import { count } from '../app/format'
import { useEndpoint, useEndpoints, useFollowEndpoints } from '../app/webhooks/data'
import { EndpointForm } from '../components/webhooks/EndpointForm'
import { EndpointPanel } from '../components/webhooks/EndpointPanel'
import { EndpointSummary } from '../components/webhooks/EndpointSummary'
import { EndpointTable } from '../components/webhooks/EndpointTable'
import { ReceiverLog } from '../components/webhooks/ReceiverLog'
import { SignatureChecker } from '../components/webhooks/SignatureChecker'
import { Gone } from '../components/Gone'
import { Problem } from '../components/Problem'
import { SidePanel } from '../components/SidePanel'
import { Button } from '../components/ui/Button'
import { Notice } from '../components/ui/Notice'
import { Skeleton } from '../components/ui/Skeleton'
import events from './EventsPage.module.css'
import styles from './WebhooksPage.module.css'

/** An endpoint with its address below its name. */
const LINE_PX = 62

const views = [
  { view: '', word: 'Endpoints' },
  { view: 'receiver', word: 'Receiver' },
  { view: 'signature', word: 'Signature checker' },
] as const

// Which part is shown and which endpoint is open stand in the URL, so that a link leads there.
function useWebhooksUrl() {
  const [query, setQuery] = useSearchParams()
  const [openId, setOpenId] = useOpenInUrl('endpoint')
  const view = query.get('view') ?? ''
  const setView = (next: string) => {
    if (next === view) return
    setQuery((before) => {
      const after = new URLSearchParams(before)
      if (next) after.set('view', next)
      else after.delete('view')
      return after
    })
  }
  return { view, setView, openId, setOpenId }
}

export function WebhooksPage() {
  useFollowEndpoints()
  const { view, setView, openId, setOpenId } = useWebhooksUrl()
  const { isAdmin } = useAuth()
  const [isCreating, setCreating] = useState(false)
  const list = useEndpoints()
  const { endpoints } = list
  const listed = endpoints.find((e) => e.id === openId)
  // A link leads to it, wherever in the list it is.
  const alone = useEndpoint(listed ? null : openId)
  const open = listed ?? alone.data ?? undefined
  useHotkeys({ Escape: () => setOpenId(null) })
  return (
    <div className={events.page} data-covered={view === '' && openId !== null}>
      <div className={styles.bar}>
        <div className={styles.views} role="group" aria-label="Parts of the page">
          {views.map((v) => (
            <Button key={v.view} tone="quiet" aria-pressed={view === v.view} onClick={() => setView(v.view)}>
              {v.word}
            </Button>
          ))}
        </div>
        {view === '' && <EndpointSummary list={list} />}
        <Button
          tone="primary"
          className={events.right ?? ''}
          disabled={!isAdmin}
          title={isAdmin ? undefined : 'Your API key lacks the scope admin'}
          onClick={() => setCreating(true)}
        >
          <Plus size={14} aria-hidden /> New endpoint
        </Button>
      </div>
      <div className={events.split}>
        <div className={`${events.column} ${styles.content}`}>
          {view === 'receiver' && <ReceiverLog url={`${window.location.origin}/api/webhook`} />}
          {view === 'signature' && <SignatureChecker />}
          {view === '' && (
            <>
              {endpoints.length > 0 && (
                <EndpointTable endpoints={endpoints} activeId={openId} onOpen={setOpenId} />
              )}
              <End list={list} isAdmin={isAdmin} onCreate={() => setCreating(true)} />
            </>
          )}
        </div>
        {view === '' && open && (
          <EndpointPanel key={open.id} endpoint={open} onClose={() => setOpenId(null)} />
        )}
        {view === '' && openId && !open && (
          <MissingEndpoint id={openId} query={alone} onClose={() => setOpenId(null)} />
        )}
      </div>
      {isCreating && (
        <EndpointForm
          endpoint={null}
          onClose={() => setCreating(false)}
          onCreated={(id) => {
            setCreating(false)
            setOpenId(id)
          }}
        />
      )}
    </div>
  )
}

interface MissingProps {
  id: string
  query: ReturnType<typeof useEndpoint>
  onClose: () => void
}

/** Stands in for an endpoint that is not there, or not yet. */
function MissingEndpoint({ id, query, onClose }: MissingProps) {
  const problem = query.error && asProblem(query.error)
  const isGone = query.data === null || problem?.status === 404
  return (
    <SidePanel id={id} label="Endpoint" testId="endpoint-panel" heading="Endpoint" onClose={onClose}>
      {query.isPending && <p role="status">Loading…</p>}
      {problem && !isGone && <Problem error={query.error} />}
      {isGone && <Gone id={id} what="endpoint" isDeleted={query.data === null || isDeleted(problem)} />}
    </SidePanel>
  )
}

interface EndProps {
  list: ReturnType<typeof useEndpoints>
  isAdmin: boolean
  onCreate: () => void
}

/** What stands below the table: why it is empty, or what went wrong. */
function End({ list: { query: list, endpoints, health }, isAdmin, onCreate }: EndProps) {
  if (list.error && asProblem(list.error).status === 403) {
    return <Notice icon={<Lock size={24} aria-hidden />} title="Endpoints are not shown to your API key" />
  }
  if (list.error) {
    return (
      <div className={events.error}>
        <Problem error={list.error}>
          <Button onClick={() => void list.refetch()}>Try again</Button>
        </Problem>
      </div>
    )
  }
  if (list.isPending) return <Skeleton lines={10} height={LINE_PX} inset label="Loading endpoints…" />
  if (endpoints.length > 0) {
    return (
      <div className={styles.end} data-testid="endpoints-end">
        <p>
          {count(endpoints.length)} of {count(Math.max(health?.total ?? 0, endpoints.length))}
        </p>
        {list.hasNextPage && (
          <Button disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            {list.isFetchingNextPage ? 'Loading…' : 'Show more'}
          </Button>
        )}
      </div>
    )
  }
  return (
    <Notice icon={<Webhook size={24} aria-hidden />} title="No endpoints yet">
      <p>
        An endpoint is a URL that gets every event that matches, signed, until it answers 2xx. Without one,
        events wait in the inbox.
      </p>
      {isAdmin && <Button onClick={onCreate}>Create the first endpoint</Button>}
    </Notice>
  )
}
