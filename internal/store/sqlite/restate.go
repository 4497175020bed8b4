package sqlite

import (
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
)

// restate gives an event the status that follows from its deliveries, and announces it as changed.
func (b *batch) restate(name apier.TenantID, tenant int64, found *row, next apier.Event) error {
	counts, err := countDeliveries(b.conn, found.createdSeq)
	if err != nil {
		return err
	}
	previous := found.event.Status
	next.Status = counts.status(previous)
	next.UpdatedAt, next.Seq = b.now, b.nextSeq(tenant)
	if previous != next.Status {
		switch next.Status {
		case apier.StatusDelivered:
			next.ErrorMessage = ""
			next.DeliveryLatencyMS = max(int64(b.now-next.CreatedAt), 0)
			b.tally.settled(tenant, previous, &next)
		case apier.StatusFailed:
			next.DeliveryLatencyMS = -1
			b.tally.settled(tenant, previous, &next)
		case apier.StatusPending:
			next.DeliveryLatencyMS = -1
			b.tally.reopened(tenant, previous, b.now)
		}
	}
	status := counts.eventStatus(next.Status)
	if err := updateEventAs(b, found.createdSeq, &next, status); err != nil {
		return err
	}
	updated := apier.EventChange(name, apier.Updated, next)
	updated.PreviousStatus, updated.Routed = previous, status == statusRouted
	b.change(updated)
	return nil
}

// deliveryCounts are the deliveries of one event by status.
type deliveryCounts struct{ pending, delivered, failed, canceled int64 }

// status follows from the deliveries: failed when one has given up, delivered when all have it. What was delivered
// stays so while another is under way; canceled ones do not count; without any, the event waits in the inbox.
func (c deliveryCounts) status(previous apier.Status) apier.Status {
	switch {
	case c.failed > 0:
		return apier.StatusFailed
	case previous == apier.StatusDelivered:
		return previous
	case c.pending > 0 || c.delivered == 0:
		return apier.StatusPending
	default:
		return apier.StatusDelivered
	}
}

// eventStatus gives the number of a status as stored: an event that endpoints are to have is not in the inbox.
func (c deliveryCounts) eventStatus(s apier.Status) int64 {
	if s == apier.StatusPending && c.pending > 0 {
		return statusRouted
	}
	return statusNumber(s)
}

func countDeliveries(conn *sqlite.Conn, event apier.Seq) (c deliveryCounts, err error) {
	err = sqlitex.Execute(conn, "SELECT status, count(*) FROM deliveries INDEXED BY deliveries_by_event WHERE event = +? GROUP BY status",
		&sqlitex.ExecOptions{Args: []any{int64(event)}, ResultFunc: func(stmt *sqlite.Stmt) error {
			n := stmt.ColumnInt64(1)
			switch deliveryStatusOf(stmt.ColumnInt64(0)) {
			case apier.DeliveryPending:
				c.pending = n
			case apier.DeliveryDelivered:
				c.delivered = n
			case apier.DeliveryFailed:
				c.failed = n
			case apier.DeliveryCanceled:
				c.canceled = n
			}
			return nil
		}})
	if err != nil {
		return c, err
	}
	toMake, err := exists(conn, "SELECT 1 FROM fanouts WHERE event = +?", int64(event))
	if toMake { // it has deliveries that are still to be made
		c.pending++
	}
	return c, err
}
