package sqlite

import (
	"github.com/apier/apier"
)

// cancel ends an open delivery without an outcome.
func (b *batch) cancel(name apier.TenantID, row *deliveryRow) error {
	b.spend(2, 0)
	endpoint, err := b.endpointByNumber(name, row.tenant, row.endpoint)
	if err != nil {
		return err
	}
	if endpoint != nil {
		endpoint.count(row.delivery.Status, apier.DeliveryCanceled)
	}
	row.delivery.Status = apier.DeliveryCanceled
	row.delivery.LeasedUntil = 0
	row.fence++
	if err := b.writeDelivery(name, row); err != nil {
		return err
	}
	return b.passTurn(endpoint, row)
}

// thinOut cancels deliveries of an event that has more open than one slice holds, and returns errMore as long as it
// had. What is left is for whoever ends the event. Until then the event is pending as before.
func (b *batch) thinOut(name apier.TenantID, tenant int64, found *row) error {
	open, err := queryDeliveries(b.conn, openOfEvent+" LIMIT ?", int64(found.createdSeq), cancelSlice+1)
	if err != nil || len(open) <= cancelSlice {
		return err
	}
	for i, row := range open[:cancelSlice] {
		if i > 0 && b.sliceDone() {
			break
		}
		if err := b.cancel(name, row); err != nil {
			return err
		}
	}
	if err := b.restate(name, tenant, found, found.event); err != nil {
		return err
	}
	return errMore
}

const openOfEvent = "INDEXED BY deliveries_by_event WHERE d.event = ? AND d.status = 1 ORDER BY d.number"

// cancelOpen cancels what is open of one event.
func (b *batch) cancelOpen(name apier.TenantID, event apier.Seq) error {
	if err := b.endFanOut(event); err != nil {
		return err
	}
	open, err := queryDeliveries(b.conn, openOfEvent, int64(event))
	if err != nil {
		return err
	}
	for _, row := range open {
		if err := b.cancel(name, row); err != nil {
			return err
		}
	}
	return nil
}

// cancelSlice bounds the deliveries of an endpoint that are canceled in one transaction.
const cancelSlice = 250

// cancelSome cancels some of an endpoint's open deliveries; more: there are others.
func (b *batch) cancelSome(name apier.TenantID, id apier.EndpointID) (more bool, err error) {
	endpoint, err := b.endpoint(name, id)
	if err != nil {
		return false, err
	}
	open, err := queryDeliveries(b.conn, "INDEXED BY deliveries_by_endpoint WHERE d.endpoint = ? AND d.status = 1 ORDER BY d.number LIMIT ?",
		endpoint.number, cancelSlice)
	for i, row := range open {
		if i > 0 && b.sliceDone() {
			return true, nil
		}
		if err == nil {
			err = b.cancel(name, row)
		}
		if err != nil {
			return false, err
		}
		found, err := b.eventAt(row.event)
		if err != nil {
			return false, err
		}
		if found != nil {
			if err := b.restate(name, row.tenant, found, found.event); err != nil {
				return false, err
			}
		}
	}
	return len(open) == cancelSlice, err
}
