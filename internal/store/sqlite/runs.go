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

// BeginRun implements store.Store.
func (s *Store) BeginRun(ctx context.Context) (runs store.Runs, err error) {
	runs = store.Runs{Current: randomName(), Reached: map[string]apier.Seq{}}
	err = s.submit(ctx, "", 1, func(b *batch) error {
		clear(runs.Reached)
		position, err := readPosition(b.conn)
		if err != nil {
			return err
		}
		last := ""
		err = sqlitex.Execute(b.conn, "SELECT id, seq FROM runs ORDER BY number", &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
			if last != "" {
				runs.Reached[last] = apier.Seq(stmt.ColumnInt64(1))
			}
			last = stmt.ColumnText(0)
			return nil
		}})
		if err != nil {
			return err
		}
		if last != "" {
			runs.Reached[last] = position.Seq
		}
		if err := exec(b.conn, "INSERT INTO runs (id, seq) VALUES (?, ?)", runs.Current, int64(position.Seq)); err != nil {
			return err
		}
		return exec(b.conn, "DELETE FROM runs WHERE number <= (SELECT max(number) FROM runs) - ?", maxRuns)
	})
	return runs, wrap("begin a run", err)
}
