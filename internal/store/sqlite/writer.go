package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/apier/apier"
)

// Bounds on one transaction: it ends with the operation that reaches one of them.
const (
	maxBatchOps    = 512
	maxBatchWeight = 8192
)

// An op is one operation in the writer's queue. apply reads and decides first, then writes: an
// *apier.Error comes before its first write. It may run twice, so it sets its results anew each time.
type op struct {
	apply  func(*batch) error
	weight int // rows and KiB it writes, about
	state  atomic.Int32
	done   chan error // buffered: the writer never waits
}

const (
	opQueued int32 = iota
	opBegun
	opAbandoned
)

// begin claims the op for the writer; false if its caller has gone.
func (o *op) begin() bool { return o.state.CompareAndSwap(opQueued, opBegun) }

// submit queues an operation and waits for its commit. Once begun it is waited for, even if ctx ends:
// what it did is known only then.
func (s *Store) submit(ctx context.Context, weight int, apply func(*batch) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o := &op{apply: apply, weight: weight, done: make(chan error, 1)}
	if err := s.enqueue(o); err != nil {
		return err
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		if o.state.CompareAndSwap(opQueued, opAbandoned) {
			return ctx.Err()
		}
		return <-o.done
	}
}

func (s *Store) enqueue(o *op) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return errClosed()
	}
	select {
	case s.queue <- o:
		return nil
	default:
		return apier.Errorf(apier.CodeUnavailable, "The server has more writes waiting than it can hold. Try again in a moment.")
	}
}

func errClosed() error {
	return apier.Errorf(apier.CodeUnavailable, "The server is shutting down. Try again in a moment.")
}

// writer owns the connection that writes.
type writer struct {
	store   *Store
	conn    *sqlite.Conn
	ops     []*op // of the transaction at work
	tenants map[apier.TenantID]int64
	types   map[typeKey]struct{}
	tally   tally

	space    space
	hurry    bool // housekeeping is wanted soon
	purgeDue bool // the write-ahead log holds what was erased
}

func newWriter(s *Store, conn *sqlite.Conn) *writer {
	return &writer{
		store: s, conn: conn,
		tenants: make(map[apier.TenantID]int64),
		types:   make(map[typeKey]struct{}),
		tally:   newTally(),

		purgeDue: true, // a kill may have left in the log what was erased before
	}
}

// run ends when the queue is closed and empty.
func (w *writer) run() {
	defer close(w.store.stopped)
	housekeeping := time.NewTimer(housekeepingPause)
	defer housekeeping.Stop()
	for hurried := false; ; {
		select {
		case first, open := <-w.store.queue:
			if !open {
				w.store.closeErr = w.conn.Close()
				return
			}
			w.collect(first)
			w.work(w.ops)
			clear(w.ops)
			if (w.hurry || w.watch()) && !hurried { // once: under load each work would put it off again
				hurried = true
				housekeeping.Reset(housekeepingBreath)
			}
		case <-housekeeping.C:
			hurried, w.hurry = false, false
			housekeeping.Reset(w.housekeepInIdleTime())
		}
	}
}

// collect takes what is queued by now, up to the bounds of a transaction.
func (w *writer) collect(first *op) {
	w.ops = w.ops[:0]
	weight := 0
	for o, open := first, true; open; {
		if o.begin() {
			w.ops = append(w.ops, o)
			weight += o.weight
		}
		if len(w.ops) >= maxBatchOps || weight >= maxBatchWeight {
			return
		}
		select {
		case o, open = <-w.store.queue:
		default:
			return
		}
	}
}

// work commits all operations together. If that fails, each gets a transaction of its own, so that a
// bad one fails alone; if no transaction can begin, all fail.
func (w *writer) work(ops []*op) {
	if len(ops) == 0 {
		return
	}
	results, err := w.transact(ops)
	if err == nil {
		answer(ops, results)
		return
	}
	alone := len(ops) == 1
	for i, o := range ops {
		var begin *beginError
		if alone || errors.As(err, &begin) {
			o.done <- errStorage(err)
			continue
		}
		results, err = w.transact(ops[i : i+1])
		if err != nil {
			o.done <- errStorage(err)
			continue
		}
		o.done <- results[0]
	}
}

func answer(ops []*op, results []error) {
	for i, o := range ops {
		o.done <- results[i]
	}
}

// transact gives the domain error of each operation, or the error for which nothing was stored.
func (w *writer) transact(ops []*op) ([]error, error) {
	b, err := w.begin()
	if err != nil {
		return nil, &beginError{err}
	}
	results, err := b.apply(ops)
	if err == nil {
		err = b.commit()
	}
	if err != nil {
		return nil, errors.Join(err, b.rollback())
	}
	w.learn(b)
	if b.purge {
		w.purge()
	}
	if len(b.changes) > 0 {
		w.store.options.Announce(b.changes)
	}
	for tenant := range b.lefts {
		w.store.options.Left(tenant)
	}
	for tenant := range b.rooms {
		w.store.options.Room(tenant)
	}
	for endpoint, at := range b.dues {
		if !endpoint.gone && endpoint.endpoint.Status == apier.EndpointActive {
			w.store.options.Due(endpoint.name, endpoint.endpoint.ID, apier.Timestamp(at))
		}
	}
	return results, nil
}

// beginError is a transaction that could not begin: another process holds the lock, most likely.
type beginError struct{ cause error }

func (e *beginError) Error() string { return "begin transaction: " + e.cause.Error() }
func (e *beginError) Unwrap() error { return e.cause }

// errStorage tells callers to try again where that may help: the disk is full, the file is locked.
func errStorage(err error) error {
	switch sqlite.ErrCode(err).ToPrimary() { //nolint:exhaustive // all others are faults of ours
	case sqlite.ResultFull, sqlite.ResultBusy, sqlite.ResultLocked, sqlite.ResultIOErr, sqlite.ResultNoMem,
		sqlite.ResultReadOnly, sqlite.ResultCantOpen:
		return fmt.Errorf("%w (%w)", errNothingStored(), err)
	default:
		return errDamaged(err)
	}
}

func errNothingStored() error {
	return apier.Errorf(apier.CodeUnavailable, "The server cannot store anything at the moment. Try again later.")
}

// errDamaged adds what to do about a file that is no whole database.
func errDamaged(err error) error {
	switch sqlite.ErrCode(err).ToPrimary() { //nolint:exhaustive // all others are of another kind
	case sqlite.ResultCorrupt, sqlite.ResultNotADB:
		return fmt.Errorf("%w: the file is damaged; stop the server and start it on a backup, or on what sqlite3 FILE .recover saves", err)
	default:
		return err
	}
}
