package sqlite

import (
	"context"
	"math"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// Changes implements store.Events.
func (s *Store) Changes(
	ctx context.Context, tenant apier.TenantID, after apier.Seq, limit int, deliveries bool,
) (store.ChangePage, error) {
	var page store.ChangePage
	err := s.readOf(ctx, tenant, func(conn *sqlite.Conn) (err error) {
		page, err = changes(conn, tenant, after, min(max(limit, 1), maxPage), deliveries)
		return err
	})
	if err != nil {
		return store.ChangePage{}, wrap("read changes", err)
	}
	for i := range page.Changes {
		s.checkDepth(&page.Changes[i].Event)
	}
	return page, nil
}

func changes(conn *sqlite.Conn, name apier.TenantID, after apier.Seq, limit int, deliveries bool) (store.ChangePage, error) {
	tenant, err := readTenant(conn, name)
	page := store.ChangePage{Seq: tenant.seq}
	if err != nil || tenant.id == 0 {
		return page, err
	}
	if after < tenant.floor {
		page.Lost = true
		return page, nil
	}
	page.Changes, err = changesAfter(conn, &tenant, after, limit+1) // one more tells whether there is more
	if err == nil && deliveries {
		var more []apier.Change
		more, err = deliveryChangesAfter(conn, &tenant, after, limit+1)
		page.Changes = mergeBySeq(page.Changes, more)
	}
	if err != nil {
		return page, err
	}
	if len(page.Changes) > limit {
		page.Changes = page.Changes[:limit]
		page.More = true
		page.Seq = page.Changes[limit-1].Seq
	}
	for i := range page.Changes {
		page.Changes[i].Tenant = name
	}
	return page, nil
}

const (
	createdAfter = "SELECT " + eventColumns + " FROM events e INDEXED BY events_by_tenant" +
		" WHERE e.tenant = ? AND e.created_seq > ? ORDER BY e.created_seq LIMIT ?"
	updatedAfter = "SELECT " + eventColumns + " FROM events e INDEXED BY events_by_seq" +
		" WHERE e.tenant = ? AND e.seq > ? AND e.seq <= ? AND e.seq <> coalesce(e.born_seq, e.created_seq) ORDER BY e.seq LIMIT ?"
	deletedAfter = "SELECT coalesce(told_seq, seq), uuid, type, deleted_at FROM tombstones INDEXED BY tombstones_by_tenant" +
		" WHERE tenant = ? AND seq > ? ORDER BY seq LIMIT ?"
)

// changesAfter merges what was created, updated and deleted. What was created and updated since comes
// twice: as Created in its place, since a reader that has come past that place knows the event.
func changesAfter(conn *sqlite.Conn, t *tenantRow, after apier.Seq, limit int) ([]apier.Change, error) {
	var created, updated, deleted []apier.Change
	place, err := placeOfSeq(conn, t, eventsFrom, after)
	if err != nil {
		return nil, err
	}
	err = sqlitex.Execute(conn, createdAfter, &sqlitex.ExecOptions{
		Args: []any{t.id, place, limit},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			row := scanEvent(stmt)
			row.event.Seq = row.bornSeq
			created = append(created, apier.EventChange("", apier.Created, row.event))
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	last := int64(math.MaxInt64)
	if len(created) == limit { // spares the walk along all that was created and never updated
		last = int64(created[limit-1].Seq)
	}
	err = sqlitex.Execute(conn, updatedAfter, &sqlitex.ExecOptions{
		Args: []any{t.id, int64(after), last, limit},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			updated = append(updated, apier.EventChange("", apier.Updated, scanEvent(stmt).event))
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	if place, err = placeOfSeq(conn, t, deletedFrom, after); err != nil {
		return nil, err
	}
	err = sqlitex.Execute(conn, deletedAfter, &sqlitex.ExecOptions{
		Args: []any{t.id, place, limit},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			deleted = append(deleted, apier.EventChange("", apier.Deleted, scanTombstone(stmt)))
			return nil
		},
	})
	return mergeBySeq(mergeBySeq(created, updated), deleted), err
}

func scanTombstone(stmt *sqlite.Stmt) apier.Event {
	return apier.Event{
		Seq:       apier.Seq(stmt.ColumnInt64(0)),
		ID:        columnEventID(stmt, 1),
		Type:      stmt.ColumnText(2),
		UpdatedAt: apier.Timestamp(stmt.ColumnInt64(3)),
	}
}

func mergeBySeq(a, b []apier.Change) []apier.Change {
	merged := make([]apier.Change, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0].Seq < b[0].Seq {
			merged, a = append(merged, a[0]), a[1:]
		} else {
			merged, b = append(merged, b[0]), b[1:]
		}
	}
	return append(append(merged, a...), b...)
}
