package sqlite

import "zombiezen.com/go/sqlite"

// Of the open deliveries of one order key exactly one has the turn; the others are blocked behind it.
const (
	openOfKey = "INDEXED BY deliveries_in_order WHERE d.endpoint = +? AND d.order_key = +? AND d.status = 1 AND d.order_key <> ''"
	nextOfKey = openOfKey + " ORDER BY d.number LIMIT 1"
	turnOfKey = openOfKey + " AND d.due_at <> 9223372036854775807 AND d.number <> ? LIMIT 1"
)

// takeTurn blocks a delivery if another of its order key has the turn.
func (b *batch) takeTurn(row *deliveryRow) error {
	turn, err := turnBefore(b.conn, row)
	if err == nil && turn != nil {
		row.dueAt = blocked
		row.delivery.BlockedBy = turn.delivery.EventID
	}
	return err
}

// turnBefore gives the delivery that has the turn, other than this one; nil: there is none.
func turnBefore(conn *sqlite.Conn, row *deliveryRow) (*deliveryRow, error) {
	if row.delivery.OrderKey == "" {
		return nil, nil
	}
	rows, err := queryDeliveries(conn, turnOfKey, row.endpoint, row.delivery.OrderKey, row.number)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// passTurn makes the oldest delivery of an order key due, once the one that had the turn has ended. Exactly one has
// it, so nobody else is looked for: there may be thousands that wait.
func (b *batch) passTurn(endpoint *endpointRow, ended *deliveryRow) error {
	if ended.delivery.OrderKey == "" || ended.dueAt == blocked { // it did not have the turn: another has
		return nil
	}
	waiting, err := queryDeliveries(b.conn, nextOfKey, ended.endpoint, ended.delivery.OrderKey)
	if err != nil || len(waiting) == 0 {
		return err
	}
	next := waiting[0]
	if err := exec(b.conn, "UPDATE deliveries SET due_at = ? WHERE number = ?", int64(b.now), next.number); err != nil {
		return err
	}
	if endpoint != nil {
		b.due(endpoint, int64(b.now))
	}
	return nil
}
