package sqlite

import (
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
)

const (
	deliveriesAfter = "INDEXED BY deliveries_by_seq WHERE d.tenant = ? AND d.seq > ? ORDER BY d.seq LIMIT ?"
	endpointsAfter  = "INDEXED BY endpoints_by_seq WHERE p.tenant = ? AND p.seq > ? ORDER BY p.seq LIMIT ?"
	recoveriesAfter = "WHERE r.tenant = ? AND r.seq > ? ORDER BY r.seq LIMIT ?"
	goneAfter       = "SELECT coalesce(told_seq, seq), uuid, deleted_at FROM endpoint_tombstones INDEXED BY endpoint_tombstones_by_tenant" +
		" WHERE tenant = ? AND seq > ? ORDER BY seq LIMIT ?"
)

// deliveryChangesAfter gives the latest state of the deliveries, endpoints and recoveries that changed after a seq, and the
// webhooks that came.
func deliveryChangesAfter(conn *sqlite.Conn, t *tenantRow, after apier.Seq, limit int) ([]apier.Change, error) {
	deliveries, err := queryDeliveries(conn, deliveriesAfter, t.id, int64(after), limit)
	if err != nil {
		return nil, err
	}
	endpoints, err := queryEndpoints(conn, endpointsAfter, t.id, int64(after), limit)
	if err != nil {
		return nil, err
	}
	recoveries, err := queryRecoveries(conn, recoveriesAfter, t.id, int64(after), limit)
	if err != nil {
		return nil, err
	}
	gone, err := goneEndpointsAfter(conn, t, after, limit)
	if err != nil {
		return nil, err
	}
	webhooks, err := webhookChangesAfter(conn, t, after, limit)
	if err != nil {
		return nil, err
	}
	gone = mergeBySeq(gone, webhooks)
	changes := mergeBySeq(inChanges(deliveries, func(r *deliveryRow) apier.Change {
		d := &r.delivery
		return apier.Change{Kind: apier.DeliveryChanged, Seq: d.Seq, At: d.UpdatedAt, Delivery: d, Event: apier.Event{ID: d.EventID, Type: d.EventType}}
	}), inChanges(endpoints, func(r *endpointRow) apier.Change {
		e := &r.endpoint
		return apier.Change{Kind: apier.EndpointChanged, Seq: e.Seq, At: e.UpdatedAt, Endpoint: e}
	}))
	return mergeBySeq(mergeBySeq(changes, gone), inChanges(recoveries, func(r *recoveryRow) apier.Change {
		return apier.Change{Kind: apier.RecoveryChanged, Seq: r.recovery.Seq, At: r.recovery.UpdatedAt, Recovery: &r.recovery}
	})), nil
}

func goneEndpointsAfter(conn *sqlite.Conn, t *tenantRow, after apier.Seq, limit int) (gone []apier.Change, err error) {
	place, err := placeOfSeq(conn, t, goneFrom, after)
	if err != nil {
		return nil, err
	}
	err = sqlitex.Execute(conn, goneAfter, &sqlitex.ExecOptions{
		Args: []any{t.id, place, limit},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			gone = append(gone, apier.Change{
				Kind: apier.EndpointChanged, Gone: columnEndpointID(stmt, 1),
				Seq: apier.Seq(stmt.ColumnInt64(0)), At: apier.Timestamp(stmt.ColumnInt64(2)),
			})
			return nil
		},
	})
	return gone, err
}

func inChanges[R any](rows []R, change func(R) apier.Change) []apier.Change {
	changes := make([]apier.Change, len(rows))
	for i, row := range rows {
		changes[i] = change(row)
	}
	return changes
}
