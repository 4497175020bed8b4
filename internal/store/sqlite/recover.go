package sqlite

import (
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store/rules"
)

const eventsBetween = "SELECT " + eventColumns + " FROM events e INDEXED BY events_by_tenant" +
	" WHERE e.tenant = ? AND e.created_seq > ? AND e.created_seq < ? ORDER BY e.created_seq LIMIT ?"

// failedSince are the deliveries that an endpoint gave up in a span of time, behind a position. The types are for the
// caller to look at.
const failedSince = " FROM deliveries d INDEXED BY deliveries_by_endpoint WHERE d.endpoint = ?1 AND d.status = 3 AND d.number > ?2" +
	" AND d.updated_at >= ?3 AND d.updated_at <= ?4"

// replayable gives the route by which a recovery picks events: by what went to the source, or by what the endpoint takes.
type replayable struct {
	target *rules.Route
	source int64
}

func newReplayable(conn *sqlite.Conn, tenant int64, recovery apier.Recovery) (*endpointRow, replayable, error) {
	endpoint, err := findEndpoint(conn, tenant, recovery.EndpointID)
	if err != nil {
		return nil, replayable{}, err
	}
	r := replayable{target: rules.NewRoute(endpoint.number, &endpoint.endpoint)}
	if recovery.SourceEndpointID == "" {
		return endpoint, r, nil
	}
	source, err := findEndpoint(conn, tenant, recovery.SourceEndpointID)
	if err == nil {
		r.source = source.number
	}
	return endpoint, r, err
}

// scan gives up to limit events behind a position that the endpoint has not had, having looked at recoverySlice at
// most; at is how far it came, and end tells that there are no more.
func (r replayable) scan(conn *sqlite.Conn, tenant int64, recovery apier.Recovery, position int64, limit int) (events []row, at int64, end bool, err error) {
	looked := 0
	at = position
	to, err := firstCreatedAfter(conn, recovery.Until)
	if err != nil {
		return nil, at, false, err
	}
	err = sqlitex.Execute(conn, eventsBetween, &sqlitex.ExecOptions{
		Args: []any{tenant, position, to, recoverySlice}, ResultFunc: func(stmt *sqlite.Stmt) error {
			if len(events) >= limit {
				return nil
			}
			found := scanEvent(stmt)
			looked++
			at = int64(found.createdSeq)
			if found.event.CreatedAt < recovery.Since || found.event.CreatedAt > recovery.Until {
				return nil
			}
			wanted, err := r.wants(conn, &found)
			if wanted && apier.TypesMatch(recovery.Types, found.event.Type) {
				events = append(events, found)
			}
			return err
		},
	})
	return events, at, looked < recoverySlice && len(events) < limit, err
}

func (r replayable) wants(conn *sqlite.Conn, found *row) (bool, error) {
	if found.event.Erased || r.source == 0 && !r.target.Takes(found.event.Decoded(), found.event.Type) {
		return false, nil
	}
	had, came := false, r.source == 0
	err := sqlitex.Execute(conn, "SELECT endpoint FROM deliveries INDEXED BY deliveries_by_event WHERE event = ?",
		&sqlitex.ExecOptions{Args: []any{int64(found.createdSeq)}, ResultFunc: func(stmt *sqlite.Stmt) error {
			endpoint := stmt.ColumnInt64(0)
			had = had || endpoint == r.target.Endpoint
			came = came || endpoint == r.source
			return nil
		}})
	return came && !had, err
}

// firstSince gives the position just before the first event of a time.
func firstSince(conn *sqlite.Conn, since apier.Timestamp) (position int64, err error) {
	first, err := firstCreatedAfter(conn, since-1)
	return first - 1, err
}

func countRecoverable(conn *sqlite.Conn, tenant int64, recovery apier.Recovery) (n int64, err error) {
	endpoint, pick, err := newReplayable(conn, tenant, recovery)
	if err != nil {
		return 0, err
	}
	if recovery.Kind == apier.RecoverFailed {
		err = sqlitex.Execute(conn, "SELECT d.event_type"+failedSince, &sqlitex.ExecOptions{
			Args: []any{endpoint.number, 0, int64(recovery.Since), int64(recovery.Until)},
			ResultFunc: func(stmt *sqlite.Stmt) error {
				if apier.TypesMatch(recovery.Types, stmt.ColumnText(0)) {
					n++
				}
				return nil
			},
		})
		return n, err
	}
	position, err := firstSince(conn, recovery.Since)
	for end := false; err == nil && !end; {
		var events []row
		events, position, end, err = pick.scan(conn, tenant, recovery, position, recoverySlice)
		n += int64(len(events))
	}
	return n, err
}

func (b *batch) moveOn(tenant apier.TenantID, row *recoveryRow, n int) (moved int, end bool, err error) {
	if row.recovery.Kind == apier.RecoverFailed {
		return b.retrySome(tenant, row, n)
	}
	_, pick, err := newReplayable(b.conn, row.tenant, row.recovery)
	if err != nil {
		return 0, false, err
	}
	pick.source = row.source // also one that was deleted meanwhile: what went to it is known still
	if row.position == 0 {
		if row.position, err = firstSince(b.conn, row.recovery.Since); err != nil {
			return 0, false, err
		}
	}
	events, at, end, err := pick.scan(b.conn, row.tenant, row.recovery, row.position, n)
	row.position = at
	for i := range events {
		if err != nil {
			return 0, false, err
		}
		if err = b.deliver(tenant, row.tenant, events[i].createdSeq, &events[i].event, rules.Target{
			Endpoint: pick.target.Endpoint, OrderKey: rules.OrderKey(events[i].event.Decoded(), pick.target.OrderKey),
		}); err == nil {
			err = b.restate(tenant, row.tenant, &events[i], events[i].event)
		}
	}
	return len(events), end, err
}

func (b *batch) retrySome(tenant apier.TenantID, row *recoveryRow, n int) (moved int, end bool, err error) {
	due, err := queryDeliveriesFrom(b.conn, failedSince+" ORDER BY d.number LIMIT ?5",
		row.endpoint, row.position, int64(row.recovery.Since), int64(row.recovery.Until), recoverySlice)
	if err != nil {
		return 0, false, err
	}
	for _, d := range due {
		if moved == n {
			return moved, false, nil
		}
		row.position = d.number
		if !apier.TypesMatch(row.recovery.Types, d.delivery.EventType) {
			continue
		}
		moved++
		found, err := eventAt(b.conn, d.event)
		if err != nil {
			return 0, false, err
		}
		if found == nil || found.event.Erased { // there is nothing to send
			continue
		}
		if err := b.beginAnew(tenant, d); err != nil {
			return 0, false, err
		}
	}
	return moved, len(due) < recoverySlice, nil
}
