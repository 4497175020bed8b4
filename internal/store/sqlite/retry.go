package sqlite

import (
	"context"

	"github.com/apier/apier"
)

// Retry implements store.Deliveries.
func (s *Store) Retry(ctx context.Context, tenant apier.TenantID, id apier.DeliveryID) (apier.Delivery, error) {
	var retried apier.Delivery
	err := s.submit(ctx, tenant, 3, func(b *batch) error {
		number, err := b.tenant(tenant)
		if err != nil {
			return err
		}
		row, err := findDelivery(b.conn, number, id)
		if err != nil {
			return err
		}
		err = b.beginAnew(tenant, row)
		retried = row.delivery
		return err
	})
	return retried, wrap("retry delivery", err)
}

// beginAnew makes a delivery due now, with a fresh schedule.
func (b *batch) beginAnew(name apier.TenantID, row *deliveryRow) error {
	endpoint, err := b.endpointByNumber(name, row.tenant, row.endpoint)
	if err != nil {
		return err
	}
	found, err := b.eventAt(row.event)
	switch {
	case err != nil:
		return err
	case endpoint == nil:
		return apier.Errorf(apier.CodeConflict, "The endpoint of delivery %s was deleted. Replay the event to another one.", row.delivery.ID)
	case found == nil:
		return apier.Errorf(apier.CodeConflict, "The event of delivery %s was deleted: there is nothing to send.", row.delivery.ID)
	case found.event.Erased:
		return apier.Errorf(apier.CodeConflict, "The payload of delivery %s was erased: there is nothing to send.", row.delivery.ID)
	case row.delivery.LeasedUntil > b.now:
		return apier.Errorf(apier.CodeConflict, "An attempt of delivery %s is under way. Look at its outcome first.", row.delivery.ID)
	}
	endpoint.count(row.delivery.Status, apier.DeliveryPending)
	endpoint.dirty = true
	row.delivery.Status, row.delivery.Tries, row.delivery.LeasedUntil = apier.DeliveryPending, 0, 0
	row.dueAt = int64(b.now)
	row.fence++
	if err := b.takeTurn(row); err != nil {
		return err
	}
	if err := b.writeDelivery(name, row); err != nil {
		return err
	}
	b.due(endpoint, row.dueAt)
	return b.restate(name, row.tenant, found, found.event)
}
