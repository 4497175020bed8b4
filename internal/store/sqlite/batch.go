package sqlite

import (
	"errors"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// clockTolerance is how far the clock may step back, in milliseconds, without a later change getting
// an earlier time. Beyond it the clock was wrong before, and is believed now.
const clockTolerance = 60_000

// batch is one transaction at work: it ends in commit or rollback.
type batch struct {
	writer     *writer
	conn       *sqlite.Conn
	now        apier.Timestamp // of all its changes
	latest     apier.Timestamp // given to a change before
	trusted    apier.Timestamp // the time by which things leave
	place      int64           // the latest taken in the history of all tenants
	firstPlace int64
	heads      map[int64]*tenantHead // of the tenants that have changes
	headErr    error                 // why one could not be read
	run        int64                 // the latest that began; 0: none
	commits    int64                 // the number of the latest commit, then of this one
	changed    int64                 // rows that the connection had changed before
	trimmed    space                 // the writer's, as it will be
	left       store.Space           // what left in this batch: Expired, Trimmed, Erased
	purge      bool                  // overwrite it in the write-ahead log too, at once
	purgeDue   bool                  // likewise, with the next housekeeping
	hurry      bool                  // there is housekeeping to do
	tally      *tally
	tenants    map[apier.TenantID]int64 // created here, known to others after the commit
	types      map[typeKey]struct{}     // likewise

	endpoints map[int64]*endpointRow           // read for this batch, written at its end
	routes    map[apier.TenantID]*tenantRoutes // changed here, known to others after the commit
	dues      map[*endpointRow]int64           // endpoints with deliveries to make, and from when

	fanOuts  []*endpointRow // whose tenants have deliveries to make that nobody waits for
	begun    time.Time      // the transaction
	weight   int            // of the operations so far
	opTenant apier.TenantID // of the operation at work
	opBegun  time.Time      // likewise
	opCost   int            // what it did so far, in rows and KiB

	announced []*apier.Commit // what is to be told of each tenant after the commit
	commitsOf []apier.Commit  // likewise, complete
}

// of returns what is to be told of a tenant after the commit.
func (b *batch) of(name apier.TenantID) *apier.Commit {
	for i := len(b.announced) - 1; i >= 0; i-- { // they are few, and most often it is the latest
		if b.announced[i].Tenant == name {
			return b.announced[i]
		}
	}
	c := &apier.Commit{Tenant: name}
	b.announced = append(b.announced, c)
	return c
}

// change notes a change, to be announced.
func (b *batch) change(c apier.Change) {
	commit := b.of(c.Tenant)
	commit.Changes = append(commit.Changes, c)
}

// complete says what is to be announced.
func (b *batch) complete() error {
	for endpoint, at := range b.dues {
		if !endpoint.gone && endpoint.endpoint.Status == apier.EndpointActive {
			c := b.of(endpoint.name)
			c.Due = append(c.Due, apier.EndpointDue{Endpoint: endpoint.endpoint.ID, At: apier.Timestamp(at)})
		}
	}
	b.commitsOf = make([]apier.Commit, len(b.announced))
	for i, c := range b.announced {
		tenant, err := b.tenant(c.Tenant)
		if err != nil {
			return err
		}
		head := b.head(tenant)
		c.After, c.Upto, c.At = head.first, head.seq, b.now
		b.commitsOf[i] = *c
	}
	return nil
}

type typeKey struct {
	tenant int64
	name   string
}

// begin takes the write lock and reads where the history stands: another process may have written.
func (w *writer) begin() (*batch, error) {
	if err := w.store.inPlace(); err != nil {
		return nil, err
	}
	if err := exec(w.conn, "BEGIN IMMEDIATE"); err != nil {
		return nil, err
	}
	w.tally.clear()
	b := &batch{begun: time.Now(), writer: w, conn: w.conn, trimmed: w.space, tally: &w.tally}
	stmt, err := w.conn.Prepare("SELECT seq, clock, commits, total_changes(), (SELECT max(number) FROM runs) FROM meta")
	if err == nil {
		_, err = stmt.Step()
	}
	if err != nil {
		return nil, errors.Join(err, b.rollback())
	}
	b.place, b.run = stmt.ColumnInt64(0), stmt.ColumnInt64(4)
	b.firstPlace = b.place
	b.commits, b.changed = stmt.ColumnInt64(2), stmt.ColumnInt64(3)
	if b.commits < w.store.commits {
		return nil, errors.Join(errStepsBack(w.store.files[0].path), stmt.Reset(), b.rollback())
	}
	b.latest = apier.Timestamp(stmt.ColumnInt64(1))
	b.trusted = w.store.watch.look()
	b.now = steady(apier.TimestampOf(w.store.options.Now()), b.latest)
	return b, stmt.Reset()
}

func steady(now, latest apier.Timestamp) apier.Timestamp {
	if now < latest && latest-now <= clockTolerance {
		return latest
	}
	return now
}

// applyAll applies the writer's operation and those that next gives, until the bounds of a transaction are
// reached. It returns the domain error of each.
func (b *batch) applyAll(next func() *op) (results []error, err error) {
	w := b.writer
	for i := 0; ; i++ {
		err := b.applyOne(w.ops[i])
		var domain *apier.Error
		if err != nil && !errors.As(err, &domain) && !errors.Is(err, errStale) && !errors.Is(err, errMore) {
			return nil, err
		}
		results = append(results, err)
		if b.isFull(len(results)) {
			return results, nil
		}
		o := next()
		if o == nil {
			return results, nil
		}
		w.ops = append(w.ops, o)
	}
}

func (b *batch) applyOne(o *op) error {
	b.opTenant, b.opBegun, b.opCost = o.tenant, time.Now(), 0
	err := o.apply(b)
	b.weight += max(o.weight, b.opCost)
	if extra := b.opCost - o.weight; extra > 0 {
		b.writer.store.queue.charge(o.tenant, extra)
	}
	return err
}

// isFull reports whether the transaction has reached its bounds. While others wait they are closer.
func (b *batch) isFull(ops int) bool {
	if ops >= maxBatchOps || b.weight >= maxBatchWeight {
		return true
	}
	return time.Since(b.begun) >= sliceTime && b.writer.store.queue.endTurn(b.opTenant)
}

// spend counts what an operation does, in rows and bytes, beside what was said of it.
func (b *batch) spend(rows, bytes int) { b.opCost += rows + bytes>>10 }

// sliceDone reports whether an operation has done enough for one slice: it goes on in the next. While nobody
// else waits, a slice may be longer.
func (b *batch) sliceDone() bool {
	took := time.Since(b.opBegun)
	return b.sliceIsHeavy() || took >= 2*sliceTime || took >= sliceTime && b.writer.store.queue.othersWait(b.opTenant)
}

// sliceIsHeavy is sliceDone without the time: for what is done in one go as long as it is light, such as a hand-out.
func (b *batch) sliceIsHeavy() bool {
	return b.opCost >= 2*sliceWeight || b.opCost >= sliceWeight && b.writer.store.queue.othersWait(b.opTenant)
}

// find gives an event of a tenant, and the tenant's number.
func (b *batch) find(name apier.TenantID, id apier.EventID) (tenant int64, found row, err error) {
	if tenant, err = b.tenant(name); err == nil {
		found, err = findEvent(b.conn, tenant, id)
	}
	return tenant, found, err
}

// leaves takes an event that leaves in silence off the counters.
func (b *batch) leaves(e oldEvent) {
	b.tally.expired(e.tenant, statusOf(e.status), b.now)
	b.of(e.name).CountersChanged = true
}

func (b *batch) commit() error {
	if err := b.writeEndpoints(); err != nil {
		return fmt.Errorf("write endpoints: %w", err)
	}
	if err := b.tally.write(b.conn); err != nil {
		return fmt.Errorf("write counters: %w", err)
	}
	if err := b.complete(); err != nil {
		return fmt.Errorf("complete what is told: %w", err)
	}
	if err := b.writeHeads(); err != nil {
		return fmt.Errorf("write seqs: %w", err)
	}
	changed, err := b.hasChanged()
	if err != nil {
		return err
	}
	if changed {
		b.commits++
		err := exec(b.conn, "UPDATE meta SET seq = ?, clock = ?, commits = ?, trusted = ?, held_from = ?",
			b.place, int64(b.clock()), b.commits, int64(b.trusted), int64(b.writer.store.watch.heldFrom))
		if err != nil {
			return fmt.Errorf("write seq: %w", err)
		}
	}
	if err := exec(b.conn, "COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if changed {
		b.writer.store.noted(b.commits)
		b.writer.store.noteWrite(nil)
	}
	return nil
}

// rollback also resets what a failed operation left half read.
func (b *batch) rollback() error {
	b.conn.SetInterrupt(nil)
	if b.conn.AutocommitEnabled() { // some errors have rolled back already
		return nil
	}
	return exec(b.conn, "ROLLBACK")
}

// learn keeps what the commit made true.
func (w *writer) learn(b *batch) {
	w.space = b.trimmed
	w.space.Expired += b.left.Expired
	w.space.Trimmed += b.left.Trimmed
	w.space.Erased += b.left.Erased
	w.hurry = w.hurry || b.hurry
	w.purgeDue = w.purgeDue || b.purgeDue || b.purge
	for name, id := range b.tenants {
		w.tenants[name] = id
	}
	if len(w.types) > maxKnownTypes {
		clear(w.types)
	}
	for key := range b.types {
		w.types[key] = struct{}{}
	}
	for tenant, head := range b.heads {
		if head.seq != head.first {
			w.runs[tenant] = b.run
		}
	}
	for tenant, routes := range b.routes {
		w.store.routes.inForce.Store(tenant, routes)
	}
}

// exec runs a statement that gives no rows.
func exec(conn *sqlite.Conn, query string, args ...any) error {
	if len(args) == 0 {
		return sqlitex.Execute(conn, query, nil)
	}
	return sqlitex.Execute(conn, query, &sqlitex.ExecOptions{Args: args})
}
