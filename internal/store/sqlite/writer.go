package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// Bounds on one slice of an operation, and on a transaction while other tenants wait for their turn.
const (
	sliceWeight = 1000 // rows and KiB
	sliceTime   = 10 * time.Millisecond
)

// An op is one operation in the writer's queue. apply reads and decides first, then writes: an
// *apier.Error comes before its first write. It may run twice, so it sets its results anew each time.
type op struct {
	tenant apier.TenantID // whose turn it takes; "": the server's own
	apply  func(*batch) error
	rest   func(*batch) error // goes on, after the commit, where apply returned errMore
	sure   bool               // once a part is committed, the rest is done even if the server stops
	weight int                // rows and KiB that it reads and writes, about
	state  atomic.Int32
	done   chan error // buffered: the writer never waits
}

const (
	opQueued int32 = iota
	opBegun
	opAbandoned
	opStored // a first part is committed: its caller is answered when the rest is, or when it cannot be
)

// errMore is no failure. An operation has done a slice, which is to be committed, and has more to do.
var errMore = errors.New("more to do")

// begin claims the op for the writer; false if its caller has gone.
func (o *op) begin() bool {
	return o.state.CompareAndSwap(opQueued, opBegun) || o.state.Load() == opStored
}

// submit queues an operation of a tenant and waits for its commit. Once begun it is waited for, even if ctx
// ends: what it did is known only then.
func (s *Store) submit(ctx context.Context, tenant apier.TenantID, weight int, apply func(*batch) error) error {
	return s.submitOp(ctx, &op{tenant: tenant, apply: apply, weight: weight})
}

// submitSlices is submit for an operation that may be more than one slice: apply returns errMore after each but the
// last, and is called again.
func (s *Store) submitSlices(ctx context.Context, tenant apier.TenantID, weight int, apply func(*batch) error) error {
	return s.submitOp(ctx, &op{tenant: tenant, weight: weight, apply: apply, rest: apply})
}

func (s *Store) submitOp(ctx context.Context, o *op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o.done = make(chan error, 1)
	if err := s.queue.push(o); err != nil {
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
	runs    map[int64]int64 // of tenants, in which their latest change was
	tally   tally

	space       space
	aheadCursor int64 // see oldBehind
	hurry       bool  // housekeeping is wanted soon
	purgeDue    bool  // the write-ahead log holds what was erased
	resume      bool  // the rest of an operation could not be written

	housework housework
}

func newWriter(s *Store, conn *sqlite.Conn) *writer {
	return &writer{
		store: s, conn: conn,
		tenants: make(map[apier.TenantID]int64),
		types:   make(map[typeKey]struct{}),
		runs:    make(map[int64]int64),
		tally:   newTally(),

		purgeDue: true, // a kill may have left in the log what was erased before
	}
}

// run ends when the queue is closed and empty.
func (w *writer) run() {
	defer close(w.store.stopped)
	housekeeping := time.NewTimer(housekeepingPause)
	defer housekeeping.Stop()
	w.resumeFanOuts()
	wait := housekeepingPause
	for hurried := false; ; {
		select {
		case <-w.store.queue.ready:
			if w.store.queue.isOver() {
				w.store.closeErr = w.conn.Close()
				return
			}
			if !w.serve() {
				continue
			}
			w.store.queue.signal()                                               // there may be more
			if !hurried && wait > housekeepingBreath && (w.hurry || w.watch()) { // once: each work would put it off again
				hurried = true
				housekeeping.Reset(housekeepingBreath)
			}
		case <-housekeeping.C:
			hurried, w.hurry = false, false
			wait = w.housekeepInIdleTime()
			housekeeping.Reset(wait)
		}
	}
}

// serve commits one transaction of what is queued; false: nothing was.
func (w *writer) serve() bool {
	first := w.store.queue.next()
	if first != nil {
		w.work(first, w.store.queue.next)
	}
	return first != nil
}

// work commits an operation together with those that next gives, up to the bounds of a transaction. If that
// fails, each gets a transaction of its own, so that a bad one fails alone; if no transaction can begin, all fail.
func (w *writer) work(first *op, next func() *op) {
	w.ops = append(w.ops[:0], first)
	defer func() { clear(w.ops) }()
	results, err := w.transact(next)
	if err == nil {
		w.answerAll(results)
		return
	}
	var begin *beginError
	if errors.As(err, &begin) {
		for o := first; o != nil; o = w.take(next) {
			w.answer(o, errStorage(err))
		}
		return
	}
	ops := slices.Clone(w.ops)
	if len(ops) == 1 {
		w.answer(first, errStorage(err))
		return
	}
	for _, o := range ops {
		w.work(o, noMore)
	}
}

func noMore() *op { return nil }

// take gives what else is to fail with the first, so many as one transaction would have held.
func (w *writer) take(next func() *op) *op {
	if len(w.ops) >= maxBatchOps {
		return nil
	}
	o := next()
	w.ops = append(w.ops, o)
	return o
}

func (w *writer) answerAll(results []error) {
	for i, o := range w.ops {
		w.answer(o, results[i])
	}
}

// answer tells the caller of an operation how it ended, or has it go on.
func (w *writer) answer(o *op, result error) {
	if errors.Is(result, errMore) {
		if o.rest != nil {
			o.apply, o.rest, o.weight = o.rest, nil, sliceWeight
		}
		o.state.Store(opStored)
		if w.store.queue.again(o) {
			return
		}
		if result = errClosed(); o.sure {
			result = nil // what is left is done after the next start
		}
	} else if result != nil && o.sure && o.state.Load() == opStored {
		result, w.resume = nil, true // what is left is tried again
	}
	o.done <- result
}

// transact gives the domain error of each operation, or the error for which nothing was stored.
func (w *writer) transact(next func() *op) ([]error, error) {
	b, err := w.begin()
	if err != nil {
		return nil, &beginError{err}
	}
	results, err := b.applyAll(next)
	if err == nil {
		err = b.commit()
	}
	if err != nil {
		w.store.noteWrite(err)
		return nil, errors.Join(err, b.rollback())
	}
	w.learn(b)
	if b.purge {
		w.purge()
	}
	if len(b.commitsOf) > 0 {
		w.store.options.Announce(b.commitsOf)
	}
	for _, of := range b.fanOuts {
		w.fanOutFor(of.name, of.tenant)
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
