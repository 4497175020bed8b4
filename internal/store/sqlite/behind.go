package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier/internal/store"
)

// Bounds on what a list of groups looks at to count what waits.
const (
	maxBehindRows  = 20_000  // for all groups
	maxBehindBytes = 8 << 20 // of payloads, likewise
	maxBehind      = 1000    // events of one group
)

type budgetOfBehind struct{ rows, bytes int }

// count counts what a group wants and was not handed out yet, as far as the budget goes.
func (b *budgetOfBehind) count(conn *sqlite.Conn, g *inboxGroup) (behind store.Behind, err error) {
	stmt, err := conn.Prepare(freshGroup)
	if err != nil {
		return behind, err
	}
	defer func() { _ = stmt.Reset() }() // reports what Step has reported
	stmt.BindInt64(1, g.tenant)
	stmt.BindInt64(2, int64(g.Position))
	stmt.BindInt64(3, maxBehind+1)
	for looked := 0; ; looked++ {
		more, err := stmt.Step()
		if err != nil || !more {
			return behind, err
		}
		if behind.More = looked == maxBehind || b.rows <= 0 || b.bytes <= 0; behind.More {
			return behind, nil
		}
		found := scanEvent(stmt)
		b.rows--
		b.bytes -= len(found.event.Payload)
		if found.event.Erased || g.fault != nil || !g.wants(&found.event) {
			continue
		}
		if behind.Waiting++; behind.Oldest == 0 {
			behind.Oldest = found.event.CreatedAt
		}
	}
}

// FullGroups implements store.Inbox.
func (s *Store) FullGroups(ctx context.Context) (n int64, err error) {
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		return sqlitex.Execute(conn, "SELECT count(*) FROM inbox_groups WHERE open >= ?", &sqlitex.ExecOptions{
			Args: []any{s.options.InboxOpen}, ResultFunc: func(stmt *sqlite.Stmt) error {
				n = stmt.ColumnInt64(0)
				return nil
			},
		})
	})
	return n, wrap("count full groups", err)
}
