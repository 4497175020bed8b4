package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// Changes implements store.Events.
func (s *Store) Changes(
	ctx context.Context, tenant apier.TenantID, after apier.Seq, limit int,
) (store.ChangePage, error) {
	var page store.ChangePage
	err := s.read(ctx, func(conn *sqlite.Conn) (err error) {
		page, err = changes(conn, tenant, after, min(max(limit, 1), maxPage))
		return err
	})
	if err != nil {
		return store.ChangePage{}, wrap("read changes", err)
	}
	return page, nil
}

func changes(conn *sqlite.Conn, name apier.TenantID, after apier.Seq, limit int) (store.ChangePage, error) {
	position, err := readPosition(conn)
	if err != nil {
		return store.ChangePage{}, err
	}
	page := store.ChangePage{Seq: position.Seq}
	tenant, err := readTenant(conn, name)
	if err != nil || tenant.id == 0 {
		return page, err
	}
	if after < tenant.floor {
		page.Lost = true
		return page, nil
	}
	// One more than asked of each tells whether there is more of both.
	deleted, err := tombstonesAfter(conn, name, tenant.id, after, limit+1)
	if err != nil {
		return page, err
	}
	current, err := eventsAfter(conn, name, tenant.id, after, limit+1)
	if err != nil {
		return page, err
	}
	page.Changes = mergeBySeq(current, deleted)
	if len(page.Changes) > limit {
		page.Changes = page.Changes[:limit]
		page.More = true
		page.Seq = page.Changes[limit-1].Event.Seq
	}
	return page, nil
}

func eventsAfter(conn *sqlite.Conn, name apier.TenantID, tenant int64, after apier.Seq, limit int) (found []apier.Change, err error) {
	err = sqlitex.Execute(conn, changedEvents, &sqlitex.ExecOptions{
		Args: []any{tenant, int64(after), limit},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			row := scanEvent(stmt)
			kind := apier.Updated
			if row.createdSeq > after {
				kind = apier.Created
			}
			found = append(found, apier.Change{Tenant: name, Kind: kind, Event: row.event})
			return nil
		},
	})
	return found, err
}

const (
	changedEvents = "SELECT " + eventColumns + " FROM events e INDEXED BY events_by_seq" +
		" WHERE e.tenant = ? AND e.seq > ? ORDER BY e.seq LIMIT ?"
	changedTombstones = "SELECT seq, uuid, type, deleted_at FROM tombstones INDEXED BY tombstones_by_tenant" +
		" WHERE tenant = ? AND seq > ? ORDER BY seq LIMIT ?"
)

func tombstonesAfter(conn *sqlite.Conn, name apier.TenantID, tenant int64, after apier.Seq, limit int) (found []apier.Change, err error) {
	err = sqlitex.Execute(conn, changedTombstones, &sqlitex.ExecOptions{
		Args: []any{tenant, int64(after), limit},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			found = append(found, apier.Change{Tenant: name, Kind: apier.Deleted, Event: apier.Event{
				Seq:       apier.Seq(stmt.ColumnInt64(0)),
				ID:        columnEventID(stmt, 1),
				Type:      stmt.ColumnText(2),
				UpdatedAt: apier.Timestamp(stmt.ColumnInt64(3)),
			}})
			return nil
		},
	})
	return found, err
}

func mergeBySeq(a, b []apier.Change) []apier.Change {
	merged := make([]apier.Change, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0].Event.Seq < b[0].Event.Seq {
			merged, a = append(merged, a[0]), a[1:]
		} else {
			merged, b = append(merged, b[0]), b[1:]
		}
	}
	return append(append(merged, a...), b...)
}
