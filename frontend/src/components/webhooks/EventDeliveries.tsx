import { Link } from 'wouter'
import { useEndpoints, useEventDeliveries, useFollowEndpoints } from '../../app/webhooks/data'
import panel from '../SidePanel.module.css'
import { Problem } from '../Problem'
import { DeliveryList } from './DeliveryList'

/** Where an event goes, and how far it is there; nothing where no endpoint is to have it. */
export function EventDeliveries({ event }: { event: string }) {
  useFollowEndpoints()
  const { data, error } = useEventDeliveries(event)
  const endpoints = useEndpoints().data?.endpoints ?? []
  const deliveries = data?.pages.flatMap((p) => p.deliveries) ?? []
  if (error && !data) return <Problem error={error} />
  if (deliveries.length === 0) return null
  const nameOf = (id: string) => {
    const endpoint = endpoints.find((e) => e.id === id)
    return endpoint ? endpoint.description || endpoint.url : 'a deleted endpoint'
  }
  return (
    <section aria-label="Deliveries" data-testid="event-deliveries">
      <div className={panel.bar}>
        <h3>Deliveries</h3>
        <Link href="/webhooks">Endpoints</Link>
      </div>
      <DeliveryList deliveries={deliveries} titleOf={(d) => nameOf(d.endpoint_id)} />
    </section>
  )
}
