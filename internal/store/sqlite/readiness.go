package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// maxLookBytes are the payloads that one look without a result may read; then a Lease moves the group on.
const maxLookBytes = 8 << 20

// Readiness implements store.Inbox.
func (s *Store) Readiness(ctx context.Context, tenant apier.TenantID, group string, after apier.Seq) (store.Readiness, error) {
	var r store.Readiness
	err := s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
		g, err := findGroup(conn, t.id, group)
		if err != nil {
			return err
		}
		if g == nil || g.fault != nil { // a Lease makes the group, or says what is wrong with it
			r = store.Readiness{Ready: true, Backlog: s.backlog(0)}
			return nil //nolint:nilerr // g.fault is for the Lease to tell
		}
		r, err = s.readiness(ctx, conn, g, after)
		return err
	})
	return r, wrap("look for events to lease", err)
}

func (s *Store) readiness(ctx context.Context, conn *sqlite.Conn, g *inboxGroup, after apier.Seq) (r store.Readiness, err error) {
	r.Wants, r.Backlog = &store.Wants{Types: g.Types, Filter: g.filter}, s.backlog(g.Open)
	if r.NextDue, err = firstDueAt(conn, g.id); err != nil {
		return r, err
	}
	now, err := s.clock(conn)
	if err != nil {
		return r, err
	}
	if r.Ready = r.NextDue != 0 && r.NextDue <= now; r.Ready || r.Backlog.Full() {
		return r, nil
	}
	if g.isInbox() {
		r.Ready, err = exists(conn, freshInbox, g.tenant, g.id, 1)
		return r, err
	}
	err = s.lookThrough(ctx, conn, g, max(after, g.Position), &r)
	return r, err
}

// lookThrough looks at what the group was not handed out yet, as far as one Lease would.
func (s *Store) lookThrough(ctx context.Context, conn *sqlite.Conn, g *inboxGroup, after apier.Seq, r *store.Readiness) error {
	stmt, err := conn.Prepare(freshGroup)
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Reset() }() // reports what Step has reported
	stmt.BindInt64(1, g.tenant)
	stmt.BindInt64(2, int64(after))
	stmt.BindInt64(3, leaseScan)
	r.Upto = after
	for bytes := 0; ; r.Looked++ {
		more, err := stmt.Step()
		if err != nil || !more {
			r.Ready = r.Looked == leaseScan
			return err
		}
		found := scanEvent(stmt)
		bytes += len(found.event.Payload)
		if r.Ready = bytes > maxLookBytes; !r.Ready && !found.event.Erased {
			err = s.heavy.do(ctx, len(found.event.Payload), func() error {
				r.Ready = r.Wants.Match(&found.event)
				return nil
			})
		}
		if err != nil || r.Ready {
			return err
		}
		r.Upto = found.createdSeq
	}
}

// clock returns the time that the writer would go by.
func (s *Store) clock(conn *sqlite.Conn) (now apier.Timestamp, err error) {
	err = sqlitex.Execute(conn, "SELECT clock FROM meta", &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		now = steady(apier.TimestampOf(s.options.Now()), apier.Timestamp(stmt.ColumnInt64(0)))
		return nil
	}})
	return now, err
}

func (s *Store) backlog(open int64) store.Backlog {
	return store.Backlog{Open: open, Bound: int64(s.options.InboxOpen)}
}

func exists(conn *sqlite.Conn, query string, args ...any) (found bool, err error) {
	err = sqlitex.Execute(conn, query, &sqlitex.ExecOptions{Args: args, ResultFunc: func(*sqlite.Stmt) error {
		found = true
		return nil
	}})
	return found, err
}
