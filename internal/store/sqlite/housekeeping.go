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
	hurriedPause       = 5 * time.Second       // likewise, while the disk budget is reached, or bytes still stand in the log
	metricsRetention   = 8 * day
	erasureRetention   = 30 * day // of one that is done: its selection may name a person
	recoveryRetention  = 30 * day // of one that has ended
)

// Housekeep removes everything that has outlived its retention. The writer does the same by itself,
// a slice at a time; this is for those who cannot wait.
func (s *Store) Housekeep(ctx context.Context) error {
	for more := true; more; {
		err := s.submit(ctx, "", housekeepingSlice, func(b *batch) (err error) {
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
	more, began := false, time.Now()
	o := &op{done: make(chan error, 1), apply: func(b *batch) (err error) {
		more, err = b.housekeep()
		return err
	}}
	w.work(o, noMore)
	err := <-o.done
	if w.purgeDue {
		w.purge()
	}
	w.store.keepMark()
	if w.resume {
		w.resumeFanOuts()
	}
	switch {
	case err == nil && more && w.space.active:
		return w.trimBreath(time.Since(began))
	case err == nil && more:
		return housekeepingBreath
	case w.space.Full || w.purgeDue:
		return hurriedPause
	}
	return housekeepingPause
}

// trimBreath returns how long writes have the writer to themselves after a slice of the trim that took so long: as long,
// or what comes would outrun what goes; far over the budget, for one transaction.
func (w *writer) trimBreath(took time.Duration) time.Duration {
	used, _, err := measure(w.conn)
	if budget := w.store.options.DiskBudget; err == nil && used > budget+budget/2 {
		return 0
	}
	return min(took, housekeepingBreath)
}

// housekeep removes a slice of what is old, from one table after another; more: there is another.
func (b *batch) housekeep() (more bool, err error) {
	if h := &b.writer.housework; b.trimmed.active && !h.trimmed { // every second slice: writes wait for the room
		h.trimmed = true
		return b.trimSlices()
	}
	b.writer.housework.trimmed = false
	o := b.writer.store.options
	steps := []func() (more bool, err error){b.eraseSlice, b.trim, b.fillSums, b.redate}
	if o.EventRetention > 0 {
		steps = append(steps,
			func() (bool, error) { return b.expireEvents(b.before(o.EventRetention)) },
			func() (bool, error) { return b.expireDeliveries(b.before(o.EventRetention)) })
	}
	if o.AttemptBodyRetention > 0 {
		steps = append(steps, func() (bool, error) { return b.prune(oldBodies, b.before(o.AttemptBodyRetention)) })
	}
	if o.WebhookRetention > 0 {
		steps = append(steps, func() (bool, error) {
			_, more, err := b.pruneOldest("webhooks", "received_at", b.before(o.WebhookRetention))
			return more, err
		})
	}
	return b.writer.housework.do(append(steps, b.alwaysPruned()...), b.sliceDone)
}

// trimSlices makes room until the slice is done.
func (b *batch) trimSlices() (more bool, err error) {
	for {
		if more, err = b.trim(); err != nil || !more || b.sliceDone() {
			return true, err // the other steps have the next slice
		}
	}
}

// housework goes round the steps of housekeeping, a slice at a time.
type housework struct {
	at   int // the next step
	idle int // how many steps in a row had nothing left to do

	trimmed bool // the latest slice was the trim's alone
}

// do takes one step after another until the slice is done, or each had its turn, or none has anything left to do.
func (h *housework) do(steps []func() (more bool, err error), sliceDone func() bool) (more bool, err error) {
	for range steps {
		again, err := steps[h.at%len(steps)]()
		if err != nil {
			return false, err
		}
		h.at = (h.at + 1) % len(steps)
		if h.idle++; again {
			h.idle = 0
		}
		if h.idle >= len(steps) {
			h.idle = 0
			return false, nil
		}
		if sliceDone() {
			return true, nil
		}
	}
	return true, nil
}

// alwaysPruned are the tables that are bounded whatever the options say.
func (b *batch) alwaysPruned() []func() (more bool, err error) {
	o := b.writer.store.options
	steps := []func() (bool, error){
		func() (bool, error) { return b.pruneTombstones("tombstones", b.before(o.TombstoneRetention)) },
		func() (bool, error) { return b.pruneTombstones("endpoint_tombstones", b.before(o.TombstoneRetention)) },
	}
	for _, old := range []struct {
		query  string
		before int64
	}{
		{"DELETE FROM idempotency WHERE (tenant, key) IN (SELECT tenant, key FROM idempotency WHERE created_at < ? LIMIT ?)", b.before(o.IdempotencyRetention)},
		{"DELETE FROM minutes WHERE (tenant, minute) IN (SELECT tenant, minute FROM minutes WHERE minute < ? LIMIT ?)", b.before(metricsRetention) / minuteMS},
		{"DELETE FROM latencies WHERE (tenant, minute, bucket) IN (SELECT tenant, minute, bucket FROM latencies WHERE minute < ? LIMIT ?)", b.before(metricsRetention) / minuteMS},
		{"DELETE FROM errors WHERE (tenant, hour, message) IN (SELECT tenant, hour, message FROM errors WHERE hour < ? LIMIT ?)", b.before(metricsRetention) / hourMS},
		{oldErasures, b.before(erasureRetention)},
		{oldRecoveries, b.before(recoveryRetention)},
		{oldOperations, b.before(recoveryRetention)},
	} {
		steps = append(steps, func() (bool, error) { return b.prune(old.query, old.before) })
	}
	return steps
}

const (
	oldBodies = "UPDATE attempts SET body = NULL WHERE (delivery, number) IN (SELECT delivery, number FROM attempts INDEXED BY attempts_by_age WHERE body IS NOT NULL AND started_at < ? LIMIT ?)"
	// These are few: nobody erases or recovers by the thousand.
	oldErasures   = "DELETE FROM erasures WHERE number IN (SELECT number FROM erasures WHERE status = 2 AND updated_at < ? LIMIT ?)"
	oldOperations = "DELETE FROM operations WHERE number IN (SELECT number FROM operations WHERE status <> 1 AND updated_at < ? LIMIT ?)"
	oldRecoveries = "DELETE FROM recoveries WHERE number IN (SELECT number FROM recoveries WHERE status <> 1 AND updated_at < ? LIMIT ?)"
)

// before returns the time before which a thing is too old, by a clock that does not jump.
func (b *batch) before(retention time.Duration) int64 {
	return b.writer.store.watch.before(retention)
}

func (b *batch) prune(query string, before int64) (more bool, err error) {
	err = exec(b.conn, query, before, housekeepingSlice)
	b.spend(b.conn.Changes(), 0)
	return b.conn.Changes() == housekeepingSlice, err
}

// pruneTombstones raises each tenant's floor to the highest that it removes.
func (b *batch) pruneTombstones(table string, before int64) (more bool, err error) {
	floors, more, err := b.pruneOldest(table, "deleted_at", before)
	for tenant, floor := range floors {
		if err == nil {
			err = exec(b.conn, "UPDATE tenants SET floor_seq = max(floor_seq, ?) WHERE id = ?", floor, tenant)
		}
	}
	return more, err
}

// pruneOldest walks from the oldest row, since places grow with the time, and returns the highest seq of each tenant
// that it removes.
func (b *batch) pruneOldest(table, time string, before int64) (highest map[int64]int64, more bool, err error) {
	highest = make(map[int64]int64)
	var last int64
	removed, young, ahead := 0, false, false // young: and all after it
	err = sqlitex.Execute(b.conn, "SELECT seq, tenant, "+time+", coalesce(told_seq, seq) FROM "+table+" ORDER BY seq LIMIT ?",
		&sqlitex.ExecOptions{Args: []any{housekeepingSlice}, ResultFunc: func(stmt *sqlite.Stmt) error {
			ahead = ahead || stmt.ColumnInt64(2) > b.writer.store.watch.future()
			if young = young || stmt.ColumnInt64(2) >= before; young {
				return nil
			}
			last = stmt.ColumnInt64(0)
			highest[stmt.ColumnInt64(1)] = stmt.ColumnInt64(3)
			removed++
			return nil
		}})
	if err == nil && ahead { // one that is dated ahead would keep those after it
		err = exec(b.conn, "UPDATE "+table+" SET "+time+" = ?1 WHERE seq IN (SELECT seq FROM "+table+" ORDER BY seq LIMIT ?2) AND "+time+" > ?3",
			int64(b.trusted), housekeepingSlice, b.writer.store.watch.future())
	}
	if err != nil || removed == 0 {
		return nil, false, err
	}
	return highest, removed == housekeepingSlice, exec(b.conn, "DELETE FROM "+table+" WHERE seq <= ?", last)
}
