package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
)

// maxRuns are remembered: a server that is started again and again must not fill the database.
const maxRuns = 1000

// BeginRun implements store.Store. Where nothing can be stored the run counts for this start alone: who saw it is told
// to fetch anew after the next.
func (s *Store) BeginRun(ctx context.Context) (run string, err error) {
	run = randomName()
	err = s.submit(ctx, "", 1, func(b *batch) error {
		if err := exec(b.conn, "INSERT INTO runs (id, seq) VALUES (?, -1)", run); err != nil {
			return err
		}
		if err := exec(b.conn, "DELETE FROM runs WHERE number <= (SELECT max(number) FROM runs) - ?", maxRuns); err != nil {
			return err
		}
		if b.conn.Changes() == 0 {
			return nil
		}
		return exec(b.conn, "DELETE FROM tenant_runs WHERE run < (SELECT min(number) FROM runs)")
	})
	if err != nil && s.writeFault.Load() != nil {
		s.options.Log.Warn("store: the start cannot be noted; reads work, writes are refused until there is room", "cause", err)
		err = nil
	}
	s.run.Store(&run)
	return run, wrap("begin a run", err)
}

const (
	// runAndNext: next is where the history of all tenants stood when the next run began, of those that began before
	// seqs were a tenant's own.
	runAndNext = "SELECT r.number, (SELECT n.seq FROM runs n WHERE n.number > r.number ORDER BY n.number LIMIT 1) FROM runs r WHERE r.id = ?"
	firstAfter = "SELECT from_seq FROM tenant_runs WHERE tenant = ? AND run > ? ORDER BY run LIMIT 1"
)

// Holds implements store.Store.
func (s *Store) Holds(ctx context.Context, tenant apier.TenantID, run string, seq apier.Seq) (holds bool, err error) {
	err = s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
		if current := s.run.Load(); current != nil && *current == run {
			holds = seq <= t.seq
			return nil
		}
		number, reached := int64(0), t.seq
		err := sqlitex.Execute(conn, runAndNext, &sqlitex.ExecOptions{Args: []any{run}, ResultFunc: func(stmt *sqlite.Stmt) error {
			number = stmt.ColumnInt64(0)
			if next := stmt.ColumnInt64(1); stmt.ColumnType(1) != sqlite.TypeNull && next >= 0 {
				reached = min(reached, apier.Seq(next))
			}
			return nil
		}})
		if err != nil || number == 0 {
			return err
		}
		err = sqlitex.Execute(conn, firstAfter, &sqlitex.ExecOptions{Args: []any{t.id, number}, ResultFunc: func(stmt *sqlite.Stmt) error {
			reached = min(reached, apier.Seq(stmt.ColumnInt64(0))-1)
			return nil
		}})
		holds = seq <= reached
		return err
	})
	return holds, wrap("look for a run", err)
}
