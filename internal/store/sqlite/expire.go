package sqlite

import (
	"slices"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
)

// sliceBytes bounds the payloads that leave in one transaction: overwriting them costs as much as writing.
const sliceBytes = 4 << 20

// oldEvent is an event that may leave.
type oldEvent struct {
	createdSeq, tenant int64
	name               apier.TenantID
	status             int64
	createdAt          int64
}

const oldestEvents = "SELECT e.created_seq, e.tenant, t.name, e.status, e.created_at, length(e.payload) FROM events e " +
	"JOIN tenants t ON t.id = e.tenant WHERE e.created_seq > ? ORDER BY e.created_seq LIMIT ?"

// oldest returns so many events after a place, oldest first, with no more than sliceBytes of payloads.
func (b *batch) oldest(after int64, limit int) (found []oldEvent, err error) {
	bytes := int64(0)
	err = sqlitex.Execute(b.conn, oldestEvents, &sqlitex.ExecOptions{Args: []any{after, limit}, ResultFunc: func(stmt *sqlite.Stmt) error {
		if bytes < sliceBytes {
			bytes += stmt.ColumnInt64(5)
			found = append(found, oldEvent{
				createdSeq: stmt.ColumnInt64(0), tenant: stmt.ColumnInt64(1), name: apier.TenantID(stmt.ColumnText(2)),
				status: stmt.ColumnInt64(3), createdAt: stmt.ColumnInt64(4),
			})
		}
		return nil
	}})
	return found, err
}

// deliverySlice bounds the deliveries that leave in one transaction: each is some statements.
const deliverySlice = 250

const deliveriesUpTo = "INDEXED BY deliveries_by_event WHERE d.event <= ? ORDER BY d.event, d.number LIMIT ?"

// expireEvents removes a slice of the events that have outlived their retention, whatever their status. They are found
// at the beginning of the table: created_at grows with created_seq. One that is dated ahead of the clock leaves with the
// next after it.
func (b *batch) expireEvents(before int64) (more bool, err error) {
	found, err := b.oldest(0, housekeepingSlice)
	if err != nil || len(found) == 0 {
		return false, err
	}
	old, future := 0, b.writer.store.watch.future()
	for i, e := range found {
		if e.createdAt < before {
			old = i + 1
		} else if e.createdAt <= future {
			break
		}
	}
	if old == 0 && found[0].createdAt > future {
		behind, more, err := b.oldBehind(found[len(found)-1].createdSeq, before)
		if err != nil || behind == 0 {
			return more, err
		}
		old = len(found)
	}
	if old == 0 {
		return false, nil
	}
	return true, b.expireOldest(found[:old])
}

// expireOldest removes these events, or as many of them as their deliveries let go in one slice.
func (b *batch) expireOldest(old []oldEvent) error {
	last, err := b.expireDeliveriesUpTo(old[len(old)-1].createdSeq)
	if err != nil {
		return err
	}
	for _, e := range old {
		if e.createdSeq <= last {
			b.leaves(e)
			b.left.Expired++
		}
	}
	if err := exec(b.conn, "DELETE FROM fanouts WHERE event <= ?", last); err != nil {
		return err
	}
	return exec(b.conn, "DELETE FROM events WHERE created_seq <= ?", last)
}

// expireDeliveriesUpTo removes deliveries of the events up to one, and gives the last event that has none left.
func (b *batch) expireDeliveriesUpTo(event int64) (last int64, err error) {
	rows, err := queryDeliveries(b.conn, deliveriesUpTo, event, deliverySlice)
	if err != nil {
		return 0, err
	}
	if err := b.dropDeliveries(rows); err != nil || len(rows) < deliverySlice {
		return event, err
	}
	return int64(rows[len(rows)-1].event) - 1, nil // that one may have more
}

func (b *batch) dropDeliveries(rows []*deliveryRow) error {
	names := map[int64]apier.TenantID{}
	for _, row := range rows {
		name, known := names[row.tenant]
		if !known {
			var err error
			if name, err = b.tenantName(row.tenant); err != nil {
				return err
			}
			names[row.tenant] = name
		}
		if err := b.dropDelivery(name, row); err != nil {
			return err
		}
	}
	return nil
}

// dropEvent removes an event with its deliveries, and takes them off the counters. There is no tombstone. Of one
// that has more deliveries than one slice holds it removes only some: it is not gone yet.
func (b *batch) dropEvent(e oldEvent) (gone bool, err error) {
	if err := b.endFanOut(apier.Seq(e.createdSeq)); err != nil {
		return false, err
	}
	rows, err := queryDeliveries(b.conn, "INDEXED BY deliveries_by_event WHERE d.event = ? ORDER BY d.number LIMIT ?", e.createdSeq, deliverySlice)
	if err != nil {
		return false, err
	}
	for _, row := range rows {
		if err := b.dropDelivery(e.name, row); err != nil {
			return false, err
		}
	}
	if len(rows) == deliverySlice {
		return false, nil
	}
	b.leaves(e)
	return true, exec(b.conn, "DELETE FROM events WHERE created_seq = ?", e.createdSeq)
}

// dropDelivery removes a delivery with its attempts. One that is still open lets the next of its order go.
func (b *batch) dropDelivery(name apier.TenantID, row *deliveryRow) error {
	b.spend(2, 0)
	endpoint, err := b.endpointByNumber(name, row.tenant, row.endpoint)
	if err != nil {
		return err
	}
	if row.delivery.Status == apier.DeliveryPending {
		if err := b.cancel(name, row); err != nil {
			return err
		}
	} else if endpoint != nil {
		endpoint.count(row.delivery.Status, apier.DeliveryCanceled) // which is not counted
	}
	if err := exec(b.conn, "DELETE FROM attempts WHERE delivery = ?", row.number); err != nil {
		return err
	}
	return exec(b.conn, "DELETE FROM deliveries WHERE number = ?", row.number)
}

const oldestDeliveries = "WHERE d.number > ? ORDER BY d.number LIMIT ?"

// expireDeliveries removes deliveries whose event was deleted before it expired. Events go first, so those of
// others are young.
func (b *batch) expireDeliveries(before int64) (more bool, err error) {
	rows, err := queryDeliveries(b.conn, oldestDeliveries, 0, deliverySlice)
	if err != nil {
		return false, err
	}
	future := b.writer.store.watch.future()
	if len(rows) > 0 && int64(rows[0].delivery.CreatedAt) > future { // it would keep all others
		return false, exec(b.conn, "UPDATE deliveries SET created_at = ? WHERE number = ?", int64(b.trusted), rows[0].number)
	}
	young := slices.IndexFunc(rows, func(r *deliveryRow) bool { return int64(r.delivery.CreatedAt) >= before })
	if young >= 0 {
		rows = rows[:young]
	}
	return len(rows) > 0, b.dropDeliveries(rows)
}

func (b *batch) tenantName(number int64) (name apier.TenantID, err error) {
	err = sqlitex.Execute(b.conn, "SELECT name FROM tenants WHERE id = ?", &sqlitex.ExecOptions{
		Args: []any{number}, ResultFunc: func(stmt *sqlite.Stmt) error { name = apier.TenantID(stmt.ColumnText(0)); return nil },
	})
	return name, err
}
