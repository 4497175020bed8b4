package sqlite

import (
	"context"
	"fmt"

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

// A pick is an event that a recovery is to send again, with its order key at the endpoint.
type pick struct {
	created  apier.Seq
	orderKey string
}

// scan gives up to limit events behind a position that the endpoint has not had, having looked at so many
// events or bytes as one step may; at is how far it came, and end tells that there are no more.
func (r replayable) scan(conn *sqlite.Conn, tenant int64, recovery apier.Recovery, position int64, limit int) (picks []pick, at int64, end bool, err error) {
	at = position
	to, err := firstCreatedAfter(conn, recovery.Until)
	if err != nil {
		return nil, at, false, err
	}
	stmt, err := conn.Prepare(eventsBetween)
	if err != nil {
		return nil, at, false, err
	}
	defer func() { _ = stmt.Reset() }() // reports what Step has reported
	stmt.BindInt64(1, tenant)
	stmt.BindInt64(2, position)
	stmt.BindInt64(3, to)
	stmt.BindInt64(4, recoverySlice)
	looked, bytes := 0, 0
	for ; len(picks) < limit && bytes < sliceBytes; looked++ {
		more, err := stmt.Step()
		if err != nil || !more {
			return picks, at, looked < recoverySlice, err
		}
		found := scanEvent(stmt)
		at = int64(found.createdSeq)
		bytes += len(found.event.Payload)
		if found.event.CreatedAt < recovery.Since || found.event.CreatedAt > recovery.Until ||
			!apier.TypesMatch(recovery.Types, found.event.Type) {
			continue
		}
		d := found.event.Decoded()
		wanted, err := r.wants(conn, &found, d)
		if err != nil {
			return nil, at, false, err
		}
		if wanted {
			picks = append(picks, pick{found.createdSeq, rules.OrderKey(d, r.target.OrderKey)})
		}
	}
	return picks, at, false, nil
}

func (r replayable) wants(conn *sqlite.Conn, found *row, d *apier.Decoded) (bool, error) {
	if found.event.Erased || r.source == 0 && !r.target.Takes(d, found.event.Type) {
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
	endpoint, from, err := newReplayable(conn, tenant, recovery)
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
		var picks []pick
		picks, position, end, err = from.scan(conn, tenant, recovery, position, recoverySlice)
		n += int64(len(picks))
	}
	return n, err
}

// stepAhead is what a recovery does next, found out beside the writer.
type stepAhead struct {
	from  int64 // the position that it follows
	asked string
	picks []pick  // events to send again
	tries []int64 // or deliveries to begin anew
	at    int64   // the position behind them
	end   bool    // there is nothing behind it
}

// routeAsked tells whether the endpoint still takes what it took.
func routeAsked(e *apier.Endpoint) string {
	return fmt.Sprintf("%q %q %s", e.Types, e.OrderKey, e.Filter)
}

// lookAheadFor finds out what a recovery does next.
func (s *Store) lookAheadFor(ctx context.Context, tenant apier.TenantID, id string, n int) (ahead stepAhead, err error) {
	err = s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
		row, err := findRecovery(conn, t.id, id)
		if err != nil || row.recovery.Status != apier.RecoveryRunning || row.recovery.EndpointID == "" {
			return err
		}
		ahead.from = row.position
		if row.recovery.Kind == apier.RecoverFailed {
			return ahead.tryAnew(conn, row, n)
		}
		return ahead.replay(conn, t.id, row, n)
	})
	return ahead, err
}

func (a *stepAhead) replay(conn *sqlite.Conn, tenant int64, row *recoveryRow, n int) error {
	endpoint, from, err := newReplayable(conn, tenant, row.recovery)
	if err != nil {
		return err
	}
	a.asked = routeAsked(&endpoint.endpoint)
	from.source = row.source // also one that was deleted meanwhile: what went to it is known still
	position := row.position
	if position == 0 {
		if position, err = firstSince(conn, row.recovery.Since); err != nil {
			return err
		}
	}
	a.picks, a.at, a.end, err = from.scan(conn, tenant, row.recovery, position, n)
	return err
}

func (a *stepAhead) tryAnew(conn *sqlite.Conn, row *recoveryRow, n int) error {
	a.at = row.position
	stmt, err := conn.Prepare("SELECT d.number, d.event_type" + failedSince + " ORDER BY d.number LIMIT ?5")
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Reset() }() // reports what Step has reported
	for i, value := range []int64{row.endpoint, row.position, int64(row.recovery.Since), int64(row.recovery.Until), recoverySlice} {
		stmt.BindInt64(i+1, value)
	}
	for looked := 0; len(a.tries) < n; looked++ {
		more, err := stmt.Step()
		if err != nil || !more {
			a.end = looked < recoverySlice
			return err
		}
		a.at = stmt.ColumnInt64(0)
		if apier.TypesMatch(row.recovery.Types, stmt.ColumnText(1)) {
			a.tries = append(a.tries, a.at)
		}
	}
	return nil
}

// step does what was found out, as much as one slice holds. moved counts what was sent again, or would have
// been if there were something to send.
func (b *batch) step(tenant apier.TenantID, row *recoveryRow, ahead *stepAhead) (moved int, end bool, err error) {
	if row.position != ahead.from {
		return 0, false, errStale
	}
	if row.recovery.Kind == apier.RecoverFailed {
		moved, err = b.retrySome(tenant, row, ahead)
		return moved, ahead.end && row.position == ahead.at, err
	}
	endpoint, err := b.endpoint(tenant, row.recovery.EndpointID)
	if err != nil {
		return 0, false, err
	}
	if routeAsked(&endpoint.endpoint) != ahead.asked {
		return 0, false, errStale
	}
	for _, p := range ahead.picks {
		if moved > 0 && b.sliceDone() {
			return moved, false, nil
		}
		moved++
		row.position = int64(p.created)
		if err := b.replayOne(tenant, row, p); err != nil {
			return 0, false, err
		}
	}
	row.position = ahead.at
	return moved, ahead.end, nil
}

// replayOne sends an event once more, unless the endpoint has got it meanwhile.
func (b *batch) replayOne(tenant apier.TenantID, row *recoveryRow, p pick) error {
	found, err := b.eventAt(p.created)
	if err != nil || found == nil || found.event.Erased {
		return err
	}
	had, err := exists(b.conn, "SELECT 1 FROM deliveries INDEXED BY deliveries_by_event WHERE event = +? AND endpoint = +?", int64(p.created), row.endpoint)
	if err != nil || had {
		return err
	}
	to := rules.Target{Endpoint: row.endpoint, OrderKey: p.orderKey}
	if err := b.deliver(tenant, row.tenant, p.created, &found.event, to); err != nil {
		return err
	}
	return b.restate(tenant, row.tenant, found, found.event)
}

func (b *batch) retrySome(tenant apier.TenantID, row *recoveryRow, ahead *stepAhead) (moved int, err error) {
	for _, number := range ahead.tries {
		if moved > 0 && b.sliceDone() {
			return moved, nil
		}
		moved++
		row.position = number
		found, err := queryDeliveries(b.conn, "WHERE d.number = ? AND d.status = 3", number)
		if err != nil {
			return 0, err
		}
		if len(found) == 0 { // begun anew by hand meanwhile
			continue
		}
		event, err := b.eventAt(found[0].event)
		if err != nil {
			return 0, err
		}
		if event == nil || event.event.Erased { // there is nothing to send
			continue
		}
		if err := b.beginAnew(tenant, found[0]); err != nil {
			return 0, err
		}
	}
	row.position = ahead.at
	return moved, nil
}
