package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// trimTo is how far below the budget a trim goes on, in hundredths of it, so that not every write begins one.
const trimTo = 95

// trimSlice bounds the events that are looked at for one step of the trim: on a slow machine more than these would take
// the time of the whole slice.
const trimSlice = 32

// space is what the writer knows of the disk budget.
type space struct {
	store.Space
	active  bool  // the trim has begun
	cursor  int64 // how far it has come
	found   bool  // it removed something since it last began at the oldest event
	pending bool  // nothing final is left: pending ones go
}

// measure reads how much is in use. It costs microseconds: the numbers stand in the first page.
func measure(conn *sqlite.Conn) (used, file int64, err error) {
	var pages, free, size int64
	for query, into := range map[string]*int64{"PRAGMA page_count": &pages, "PRAGMA freelist_count": &free, "PRAGMA page_size": &size} {
		if err := sqlitex.Execute(conn, query, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
			*into = stmt.ColumnInt64(0)
			return nil
		}}); err != nil {
			return 0, 0, err
		}
	}
	return (pages - free) * size, pages * size, nil
}

// watch measures after a commit, and reports whether the trim should begin.
func (w *writer) watch() (trim bool) {
	budget := w.store.options.DiskBudget
	if budget == 0 {
		return false
	}
	used, _, err := measure(w.conn)
	if err != nil { // the next commit measures again
		return false
	}
	w.space.Full = w.space.Full && used > budget
	return used > budget && !w.space.Full
}

// checkRoom refuses new events once the budget is reached and nothing may go.
func (b *batch) checkRoom() error {
	if !b.writer.space.Full {
		return nil
	}
	return apier.Errorf(apier.CodeUnavailable, "The database has reached its budget of %d bytes, and all events in it are still pending. "+
		"Acknowledge some, raise --disk-budget, or let pending ones go with --disk-budget-pending.", b.writer.store.options.DiskBudget)
}

// trim removes a slice of the oldest events while the budget is exceeded: final ones first, and where those
// are not enough, pending ones if that is permitted.
func (b *batch) trim() (more bool, err error) {
	options, s := b.writer.store.options, &b.trimmed
	if options.DiskBudget == 0 {
		return false, nil
	}
	used, _, err := measure(b.conn)
	if err != nil {
		return false, err
	}
	target := options.DiskBudget / 100 * trimTo
	if used <= target || !s.active && used <= options.DiskBudget {
		*s = space{Space: s.Space}
		s.Full = false
		return false, nil
	}
	s.active = true
	found, err := b.oldest(s.cursor, trimSlice)
	if err != nil {
		return false, err
	}
	dropped := 0
	for _, e := range found {
		if dropped > 0 && b.sliceDone() {
			break
		}
		s.cursor = e.createdSeq
		if statusOf(e.status) == apier.StatusPending && !s.pending {
			continue
		}
		gone, err := b.dropEvent(e)
		if err != nil {
			return false, err
		}
		if !gone {
			s.cursor = e.createdSeq - 1
			return true, nil
		}
		b.left.Trimmed++
		dropped++
		s.found = true
		if used, _, err = measure(b.conn); err != nil || used <= target {
			return err == nil, err
		}
	}
	if len(found) > 0 {
		return true, nil
	}
	if s.again(options.DiskBudgetPending) {
		return true, nil
	}
	*s = space{Space: s.Space}
	s.Full = used > options.DiskBudget
	return false, nil
}

// again begins anew at the oldest event; false: there is nothing that may go.
func (s *space) again(mayPending bool) bool {
	switch {
	case s.found: // something final may have come behind the cursor meanwhile
	case mayPending && !s.pending:
		s.pending = true
	default:
		return false
	}
	s.cursor, s.found = 0, false
	return true
}

// purge takes what was overwritten out of the write-ahead log too. It does not wait: while a reader stands
// at an older moment it tries again with the next housekeeping.
func (w *writer) purge() {
	w.conn.SetBusyTimeout(0)
	defer w.conn.SetBusyTimeout(busyTimeout)
	busy := true
	err := sqlitex.ExecuteTransient(w.conn, "PRAGMA wal_checkpoint(TRUNCATE)", &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		busy = stmt.ColumnInt(0) != 0
		return nil
	}})
	w.purgeDue = err != nil || busy
}

// Space implements store.Retention.
func (s *Store) Space(ctx context.Context) (store.Space, error) {
	var space store.Space
	err := s.submit(ctx, "", 0, func(b *batch) (err error) {
		space = b.writer.space.Space
		space.Budget = s.options.DiskBudget
		s.queue.measure(&space)
		space.Used, space.File, err = measure(b.conn)
		return err
	})
	return space, wrap("measure", err)
}
