import { HydrationBoundary } from '@tanstack/react-query'
import { ConnectionStatus, WebSocketState } from '@apier/client/react'
import { Live } from './live'
import { prefetch } from './prefetch'

export const dynamic = 'force-dynamic'

// A server component: it fetches with the snippet of docs/react.md, and shows a component of the package by itself.
export default async function Page() {
  const state = await prefetch(process.env.APIER_KEY ?? '')
  return (
    <HydrationBoundary state={state}>
      <ConnectionStatus state={WebSocketState.DISCONNECTED} />
      <Live />
    </HydrationBoundary>
  )
}
