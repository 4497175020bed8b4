package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

const (
	operationSlice = 100  // events changed in one transaction
	operationLook  = 2000 // events examined in one read
)

// found is what one read of an operation has found.
type foundEvents struct {
	ids      []apier.EventID
	behind   []int64 // position of the operation behind each of them
	position int64   // likewise, once all are done
	end      bool
}

func (f *foundEvents) add(id apier.EventID, behind int64) {
	f.ids, f.behind = append(f.ids, id), append(f.behind, behind)
}

// first returns the first n alone.
func (f *foundEvents) first(n int) foundEvents {
	return foundEvents{ids: f.ids[:n], behind: f.behind[:n], position: f.behind[n-1]}
}

// CountOperable implements store.Operations. Each read sees its own moment.
func (s *Store) CountOperable(ctx context.Context, tenant apier.TenantID, begun store.NewOperation) (n int64, err error) {
	row := &operationRow{operation: apier.Operation{Kind: begun.Kind, Selection: begun.Selection}}
	for end := false; !end; {
		err := s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
			if row.until == 0 {
				head, err := readPosition(conn)
				if err != nil {
					return err
				}
				row.until = head.place
			}
			found, err := nextOperable(conn, t, row, operationLook)
			n += int64(len(found.ids))
			row.position, end = found.position, found.end
			return err
		})
		if err != nil {
			return 0, wrap("count events of an operation", err)
		}
	}
	return n, nil
}

// AdvanceOperation implements store.Operations. What it is about is found beside the writer, which then looks at each
// event once more: it may have changed meanwhile.
func (s *Store) AdvanceOperation(
	ctx context.Context, tenant apier.TenantID, id apier.OperationID, limit int,
) (apier.Operation, error) {
	limit = min(max(limit, 1), operationSlice)
	var next foundEvents
	var from int64
	err := s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
		row, err := findOperation(conn, t.id, id)
		if err != nil || row.operation.Status != apier.OperationRunning {
			return err
		}
		from = row.position
		next, err = nextOperable(conn, t, row, limit)
		return err
	})
	if err != nil {
		return apier.Operation{}, wrap("read the next of an operation", err)
	}
	var advanced apier.Operation
	err = s.submit(ctx, tenant, max(len(next.ids), 1), func(b *batch) error {
		row, err := b.operation(tenant, id)
		if err != nil {
			return err
		}
		if row.operation.Status == apier.OperationRunning && row.position == from { // else another was faster
			err = b.operate(row, next)
		}
		advanced = row.operation
		return err
	})
	return advanced, wrap("advance operation", err)
}

// operate acknowledges events that were found, as many as fit into a slice, and moves on behind them.
func (b *batch) operate(row *operationRow, next foundEvents) error {
	refs := make([]store.LeaseRef, 0, len(next.ids))
	places := make([]int, 0, len(next.ids)) // of refs among next.ids
	for i, id := range next.ids {
		found, err := findEvent(b.conn, row.tenant, id)
		if err == nil && isOperable(&found.event) {
			refs, places = append(refs, store.LeaseRef{Event: id}), append(places, i)
		} else if err != nil && apier.AsError(err).Code != apier.CodeNotFound {
			return err
		}
	}
	acknowledge := &acknowledgeOp{tenant: row.name, holder: store.Holder{Subject: row.subject}, refs: refs}
	if err := acknowledge.apply(b); err != nil {
		return err
	}
	if n := len(acknowledge.results); n < len(refs) {
		next = next.first(places[n])
	}
	done := int64(0)
	for _, result := range acknowledge.results {
		if result.Err == nil {
			done++
		}
	}
	row.operation.Done += done
	row.operation.Skipped += int64(len(next.ids)) - done
	row.position = next.position
	status := apier.OperationRunning
	if next.end {
		status = apier.OperationDone
	}
	return b.writeOperation(row, status)
}

// isOperable reports whether there is anything to acknowledge.
func isOperable(e *apier.Event) bool { return e.Status != apier.StatusDelivered }

// nextOperable finds the next events of an operation, at most limit.
func nextOperable(conn *sqlite.Conn, t tenantRow, row *operationRow, limit int) (foundEvents, error) {
	if ids := row.operation.Selection.IDs; len(ids) > 0 {
		upto := min(int(row.position)+limit, len(ids))
		found := foundEvents{position: int64(upto), end: upto == len(ids)}
		for i, id := range ids[row.position:upto] {
			event, err := findEvent(conn, t.id, id)
			if err == nil && isOperable(&event.event) {
				found.add(id, row.position+int64(i)+1)
			} else if err != nil && apier.AsError(err).Code != apier.CodeNotFound {
				return found, err
			}
		}
		return found, nil
	}
	return nextMatching(conn, t, row, limit)
}

// nextMatching looks at a bounded stretch of the tenant's events.
func nextMatching(conn *sqlite.Conn, t tenantRow, row *operationRow, limit int) (foundEvents, error) {
	upto, end, err := stretchEnd(conn, t.id, row.position, row.until)
	if err != nil {
		return foundEvents{}, err
	}
	q := newListQuery(t, operationFilter(row.operation.Selection))
	if possible, err := q.resolve(conn); err != nil || !possible {
		return foundEvents{position: row.until, end: true}, err
	}
	q.and("e.created_seq > :after", ":after", row.position)
	q.and("e.created_seq <= :upto", ":upto", upto)
	q.and("e.status <> :delivered", ":delivered", statusNumber(apier.StatusDelivered))
	q.args[":limit"] = limit + 1
	found := foundEvents{position: upto, end: end}
	last := row.position
	err = sqlitex.Execute(conn, q.sql(), &sqlitex.ExecOptions{Named: q.args, ResultFunc: func(stmt *sqlite.Stmt) error {
		if len(found.ids) == limit { // there are others before the end of the stretch
			found.position, found.end = last, false
			return nil
		}
		last = stmt.ColumnInt64(0)
		found.add(columnEventID(stmt, 2), last)
		return nil
	}})
	return found, err
}

func operationFilter(s apier.OperationSelection) store.Filter {
	return store.Filter{
		Status: s.Status, Types: s.Types, Source: s.Source, Search: s.Search,
		CreatedAfter: s.CreatedAfter, CreatedBefore: s.CreatedBefore, OldestFirst: true,
	}
}

const stretchOfTenant = "SELECT created_seq FROM events INDEXED BY events_by_tenant WHERE tenant = ? AND created_seq > ? AND created_seq <= ? ORDER BY created_seq LIMIT 1 OFFSET ?"

// stretchEnd returns the created_seq up to which one read looks; end: that is all.
func stretchEnd(conn *sqlite.Conn, tenant, position, until int64) (upto int64, end bool, err error) {
	upto, end = until, true
	err = sqlitex.Execute(conn, stretchOfTenant, &sqlitex.ExecOptions{Args: []any{tenant, position, until, operationLook - 1}, ResultFunc: func(stmt *sqlite.Stmt) error {
		upto, end = stmt.ColumnInt64(0), false
		return nil
	}})
	return upto, end, err
}
