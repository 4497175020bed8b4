package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Old rows leave in slices, so that a write waits for a slice at most.
const (
	housekeepingSlice  = 1000                  // rows of each table
	housekeepingPause  = 30 * time.Second      // between looks at what has become old
	housekeepingBreath = 50 * time.Millisecond // between slices while there is more
	metricsRetention   = 8 * day
)

// Housekeep removes everything that has outlived its retention. The writer does the same by itself,
// a slice at a time; this is for those who cannot wait.
func (s *Store) Housekeep(ctx context.Context) error {
	for more := true; more; {
		err := s.submit(ctx, housekeepingSlice, func(b *batch) (err error) {
			more, err = b.housekeep()
			return err
		})
		if err != nil {
			return wrap("housekeep", err)
		}
	}
	return nil
}

// housekeepInIdleTime does one slice and gives the time to wait before the next. A failure waits for
// the next look: what is old stays old.
func (w *writer) housekeepInIdleTime() time.Duration {
	more := false
	o := &op{done: make(chan error, 1), apply: func(b *batch) (err error) {
		more, err = b.housekeep()
		return err
	}}
	w.work([]*op{o})
	if err := <-o.done; err == nil && more {
		return housekeepingBreath
	}
	return housekeepingPause
}

// housekeep removes a slice of each table; more: there is another.
func (b *batch) housekeep() (more bool, err error) {
	retention := b.writer.store.options
	steps := []func() (int, error){
		func() (int, error) { return b.pruneTombstones(b.before(retention.TombstoneRetention)) },
		func() (int, error) {
			return b.prune("DELETE FROM idempotency WHERE (tenant, key) IN "+
				"(SELECT tenant, key FROM idempotency WHERE created_at < ? LIMIT ?)", b.before(retention.IdempotencyRetention))
		},
		func() (int, error) {
			return b.prune("DELETE FROM minutes WHERE (tenant, minute) IN "+
				"(SELECT tenant, minute FROM minutes WHERE minute < ? LIMIT ?)", b.before(metricsRetention)/minuteMS)
		},
		func() (int, error) {
			return b.prune("DELETE FROM latencies WHERE (tenant, minute, bucket) IN "+
				"(SELECT tenant, minute, bucket FROM latencies WHERE minute < ? LIMIT ?)", b.before(metricsRetention)/minuteMS)
		},
		func() (int, error) {
			return b.prune("DELETE FROM errors WHERE (tenant, hour, message) IN "+
				"(SELECT tenant, hour, message FROM errors WHERE hour < ? LIMIT ?)", b.before(metricsRetention)/hourMS)
		},
	}
	for _, step := range steps {
		removed, err := step()
		if err != nil {
			return false, err
		}
		more = more || removed == housekeepingSlice
	}
	return more, nil
}

func (b *batch) before(retention time.Duration) int64 { return int64(b.now) - retention.Milliseconds() }

func (b *batch) prune(query string, before int64) (removed int, err error) {
	err = exec(b.conn, query, before, housekeepingSlice)
	return b.conn.Changes(), err
}

// pruneTombstones walks from the oldest and raises each tenant's floor to the highest it removes.
func (b *batch) pruneTombstones(before int64) (removed int, err error) {
	floors := make(map[int64]int64)
	var last int64
	young := false // and all after it
	err = sqlitex.Execute(b.conn, "SELECT seq, tenant, deleted_at FROM tombstones ORDER BY seq LIMIT ?",
		&sqlitex.ExecOptions{Args: []any{housekeepingSlice}, ResultFunc: func(stmt *sqlite.Stmt) error {
			if young = young || stmt.ColumnInt64(2) >= before; young {
				return nil
			}
			last = stmt.ColumnInt64(0)
			floors[stmt.ColumnInt64(1)] = last
			removed++
			return nil
		}})
	if err != nil || removed == 0 {
		return 0, err
	}
	for tenant, floor := range floors {
		if err := exec(b.conn, "UPDATE tenants SET floor_seq = ? WHERE id = ?", floor, tenant); err != nil {
			return 0, err
		}
	}
	return removed, exec(b.conn, "DELETE FROM tombstones WHERE seq <= ?", last)
}
