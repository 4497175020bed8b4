package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// maxRuns are remembered: a server that is started again and again must not fill the database.
const maxRuns = 1000

// BeginRun implements store.Store. Where nothing can be stored the run counts for this start alone: who saw it is told
// to fetch anew after the next.
func (s *Store) BeginRun(ctx context.Context) (runs store.Runs, err error) {
	runs = store.Runs{Current: randomName(), Reached: map[string]apier.Seq{}}
	err = s.submit(ctx, "", 1, func(b *batch) error {
		position, err := readRuns(b.conn, &runs)
		if err != nil {
			return err
		}
		if err := exec(b.conn, "INSERT INTO runs (id, seq) VALUES (?, ?)", runs.Current, int64(position.Seq)); err != nil {
			return err
		}
		return exec(b.conn, "DELETE FROM runs WHERE number <= (SELECT max(number) FROM runs) - ?", maxRuns)
	})
	if err != nil && s.writeFault.Load() != nil {
		s.options.Log.Warn("store: the start cannot be noted; reads work, writes are refused until there is room", "cause", err)
		err = s.read(ctx, func(conn *sqlite.Conn) error { _, err := readRuns(conn, &runs); return err })
	}
	return runs, wrap("begin a run", err)
}

// readRuns fills in how far each run has come.
func readRuns(conn *sqlite.Conn, runs *store.Runs) (position store.Position, err error) {
	clear(runs.Reached)
	if position, err = readPosition(conn); err != nil {
		return position, err
	}
	last := ""
	err = sqlitex.Execute(conn, "SELECT id, seq FROM runs ORDER BY number", &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		if last != "" {
			runs.Reached[last] = apier.Seq(stmt.ColumnInt64(1))
		}
		last = stmt.ColumnText(0)
		return nil
	}})
	if last != "" {
		runs.Reached[last] = position.Seq
	}
	return position, err
}
