package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
)

// eventColumns are what scanEvent reads, in its order.
const eventColumns = "e.created_seq, e.seq, e.uuid, e.type, e.source, e.status, e.created_at, e.updated_at, " +
	"e.attempts, e.attempted_at, e.latency_ms, e.error, e.payload, coalesce(e.born_seq, e.created_seq)"

// payloadColumn is the place of the payload in them.
const payloadColumn = 12

// row is an event as stored.
type row struct {
	createdSeq apier.Seq // its place among those of all tenants, which never leaves the store
	bornSeq    apier.Seq // of its creation
	status     int64     // of event, by its number: of two pending ones one may be in the inbox, the other routed
	event      apier.Event
}

// inInbox reports whether the event is pending and no endpoint is to have it.
func (r *row) inInbox() bool { return r.status == statusNumber(apier.StatusPending) }

func scanEvent(stmt *sqlite.Stmt) row {
	r := row{
		createdSeq: apier.Seq(stmt.ColumnInt64(0)),
		bornSeq:    apier.Seq(stmt.ColumnInt64(13)),
		status:     stmt.ColumnInt64(5),
		event: apier.Event{
			Seq:                 apier.Seq(stmt.ColumnInt64(1)),
			ID:                  columnEventID(stmt, 2),
			Type:                stmt.ColumnText(3),
			Source:              stmt.ColumnText(4),
			Status:              statusOf(stmt.ColumnInt64(5)),
			CreatedAt:           apier.Timestamp(stmt.ColumnInt64(6)),
			UpdatedAt:           apier.Timestamp(stmt.ColumnInt64(7)),
			DeliveryAttempts:    stmt.ColumnInt(8),
			LastDeliveryAttempt: apier.Timestamp(stmt.ColumnInt64(9)),
			DeliveryLatencyMS:   stmt.ColumnInt64(10),
			ErrorMessage:        stmt.ColumnText(11),
			Payload:             columnBytes(stmt, 12),
		},
	}
	if len(r.event.Payload) == 0 { // a valid one is never empty
		r.event.Payload, r.event.Erased = []byte(erasedPayload), true
	}
	return r
}

func columnBytes(stmt *sqlite.Stmt, column int) []byte {
	b := make([]byte, stmt.ColumnLen(column))
	stmt.ColumnBytes(column, b)
	return b
}

func columnEventID(stmt *sqlite.Stmt, column int) apier.EventID {
	var uuid [16]byte
	stmt.ColumnBytes(column, uuid[:])
	return apier.FormatEventID(uuid)
}

func statusNumber(s apier.Status) int64 {
	switch s {
	case apier.StatusPending:
		return 1
	case apier.StatusDelivered:
		return 2
	case apier.StatusFailed:
		return 3
	default:
		return 0 // matches nothing
	}
}

// statusRouted is pending too, but endpoints are to have the event: it is not in the inbox.
const statusRouted = 4

func statusOf(number int64) apier.Status {
	switch number {
	case 2:
		return apier.StatusDelivered
	case 3:
		return apier.StatusFailed
	default:
		return apier.StatusPending
	}
}

// Event implements store.Events.
func (s *Store) Event(ctx context.Context, tenant apier.TenantID, id apier.EventID) (apier.Event, error) {
	var found row
	err := s.readOf(ctx, tenant, func(conn *sqlite.Conn) error {
		t, err := readTenant(conn, tenant)
		if err != nil {
			return err
		}
		found, err = findEvent(conn, t.id, id)
		if err != nil {
			raw, _ := apier.ParseEventID(string(id))
			return orDeleted(conn, err, eventTombstone, t.id, raw)
		}
		return nil
	})
	if err != nil {
		return apier.Event{}, fmt.Errorf("read event: %w", err)
	}
	s.checkDepth(&found.event)
	return found.event, nil
}

// findEvent gives an event of the tenant, or not_found.
func findEvent(conn *sqlite.Conn, tenant int64, id apier.EventID) (found row, err error) {
	uuid, ok := apier.ParseEventID(string(id))
	if !ok || tenant == 0 {
		return row{}, errNoEvent(id)
	}
	err = sqlitex.Execute(conn, "SELECT "+eventColumns+" FROM events e WHERE e.uuid = ? AND e.tenant = ?",
		&sqlitex.ExecOptions{Args: []any{uuid[:], tenant}, ResultFunc: func(stmt *sqlite.Stmt) error {
			found = scanEvent(stmt)
			return nil
		}})
	if err == nil && found.createdSeq == 0 {
		err = errNoEvent(id)
	}
	return found, err
}

const (
	eventTombstone    = "SELECT deleted_at FROM tombstones INDEXED BY tombstones_by_uuid WHERE tenant = ? AND uuid = ?"
	endpointTombstone = "SELECT deleted_at FROM endpoint_tombstones INDEXED BY endpoint_tombstones_by_uuid WHERE tenant = ? AND uuid = ?"
)

// orDeleted tells what was deleted from what never was, as long as its tombstone is kept. Other errors stay.
func orDeleted(conn *sqlite.Conn, missing error, tombstone string, tenant int64, raw [16]byte) error {
	if apier.AsError(missing).Code != apier.CodeNotFound {
		return missing
	}
	err := sqlitex.Execute(conn, tombstone, &sqlitex.ExecOptions{Args: []any{tenant, raw[:]}, ResultFunc: func(stmt *sqlite.Stmt) error {
		at := apier.Timestamp(stmt.ColumnInt64(0))
		missing = &apier.Error{Code: apier.CodeNotFound, Message: "It was deleted at " + at.String() + ".", DeletedAt: at}
		return nil
	}})
	if err != nil {
		return err
	}
	return missing
}

func errNoEvent(id apier.EventID) error {
	return apier.Errorf(apier.CodeNotFound, "There is no event %q.", id)
}
