import { useMemo } from 'react'
import { Link } from 'wouter'
import { endpointName } from '../../app/names'
import { useEventDeliveries, useFollowEndpoints, useNamedEndpoints } from '../../app/webhooks/data'
import type { Delivery } from '../../app/webhooks/types'
import panel from '../SidePanel.module.css'
import { Problem } from '../Problem'
import { Button } from '../ui/Button'
import { DeliveryList } from './DeliveryList'

/** Where an event goes, and how far it is there; nothing where no endpoint is to have it. */
export function EventDeliveries({ event }: { event: string }) {
  useFollowEndpoints()
  const list = useEventDeliveries(event)
  const deliveries = useMemo(() => list.data?.pages.flatMap((p) => p.deliveries) ?? [], [list.data])
  const named = useNamedEndpoints(deliveries.map((d) => d.endpoint_id)).data
  if (list.error && !list.data) return <Problem error={list.error} />
  if (deliveries.length === 0) return null
  const endpointOf = (d: Delivery) => named?.found.get(d.endpoint_id)
  const titleOf = (d: Delivery) => {
    const endpoint = endpointOf(d)
    if (endpoint) return endpointName(endpoint)
    // Not asked for yet, or the answer is still to come: that says nothing of it.
    return named?.asked.has(d.endpoint_id) ? 'a deleted endpoint' : d.endpoint_id
  }
  return (
    <section aria-label="Deliveries" data-testid="event-deliveries">
      <div className={panel.bar}>
        <h3>Deliveries</h3>
        <Link href="/webhooks">Endpoints</Link>
      </div>
      {list.error && <Problem error={list.error} />}
      <DeliveryList
        deliveries={deliveries}
        titleOf={titleOf}
        endpointOf={endpointOf}
        linkOf={(d) =>
          endpointOf(d) && { href: `/webhooks?endpoint=${d.endpoint_id}`, word: 'Open the endpoint' }
        }
      />
      {list.hasNextPage && (
        <Button disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          {list.isFetchingNextPage ? 'Loading…' : 'Show more'}
        </Button>
      )}
    </section>
  )
}
