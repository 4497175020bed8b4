package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
	"github.com/apier/apier/internal/store/rules"
)

// Append implements store.Events.
func (s *Store) Append(
	ctx context.Context, tenant apier.TenantID, events []apier.NewEvent, key *store.IdempotencyKey,
) (store.Receipts, error) {
	a := &appendOp{tenant: tenant, key: key}
	err := a.prepare(events) // here, beside the writer, not in it
	if err == nil {
		err = s.append(ctx, a)
	}
	if err != nil {
		return store.Receipts{}, fmt.Errorf("append events: %w", err)
	}
	return a.receipts, nil
}

// append matches the events beside the writer, and again where the tenant's endpoints were changed before
// their turn came. After some tries those who change endpoints wait, so that it comes to an end.
func (s *Store) append(ctx context.Context, a *appendOp) (err error) {
	for try := 0; ; try++ {
		if try == maxRematches {
			changing := s.routes.changing(a.tenant)
			changing.Lock()
			defer changing.Unlock()
		}
		if err = a.match(ctx, s.heavy, s.routes.get(a.tenant)); err != nil {
			return err
		}
		o := &op{tenant: a.tenant, weight: a.weight(), apply: a.apply, rest: a.fanOut, sure: true}
		if err = s.submitOp(ctx, o); !errors.Is(err, errStale) {
			return err
		}
	}
}

func (a *appendOp) match(ctx context.Context, turn heavy, routes *tenantRoutes) (err error) {
	a.version = routes.version
	a.matched, err = routes.matchAll(ctx, turn, a.events)
	return err
}

type appendOp struct {
	tenant   apier.TenantID
	key      *store.IdempotencyKey
	uuids    []uuid.UUID
	sums     []uint32 // of the contents
	events   []apier.Event
	places   []apier.Seq      // of the events among those of all tenants
	version  uint64           // of the routes by which matched was found
	matched  [][]rules.Target // of each event; nil: no endpoint at all
	told     bool             // by the server itself, in the middle of something that must not fail: the disk budget does not hold
	receipts store.Receipts
}

func (a *appendOp) prepare(events []apier.NewEvent) error {
	a.uuids = make([]uuid.UUID, len(events))
	a.events = make([]apier.Event, len(events))
	a.sums = make([]uint32, len(events))
	for i, e := range events {
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("make an id: %w", err)
		}
		a.uuids[i] = id
		a.sums[i] = contentSum(id, e.Type, e.Source, e.Payload)
		a.events[i] = apier.Event{
			ID: apier.FormatEventID(id), Type: e.Type, Source: e.Source, Payload: e.Payload,
			Status: apier.StatusPending, DeliveryLatencyMS: -1,
		}
	}
	return nil
}

func (a *appendOp) weight() int {
	bytes := 0
	for i := range a.events {
		bytes += len(a.events[i].Payload)
	}
	deliveries := a.deliveries()
	if deliveries > fanOutAtOnce { // they have weights of their own, later
		deliveries = len(a.events)
	}
	return len(a.events) + deliveries + bytes>>10
}

func (a *appendOp) deliveries() (n int) {
	for _, targets := range a.matched {
		n += len(targets)
	}
	return n
}

func (a *appendOp) apply(b *batch) error {
	a.receipts = store.Receipts{}
	tenant, err := b.ensureTenant(a.tenant)
	if err != nil {
		return err
	}
	if a.key != nil {
		replayed, err := a.replay(b, tenant)
		if err != nil || replayed {
			return err
		}
	}
	if err := a.checkRoutes(b); err != nil {
		return err
	}
	if err := b.checkRoom(); err != nil && !a.told {
		return err
	}
	if err := a.insert(b, tenant); err != nil {
		return err
	}
	first := apier.Seq(0)
	if len(a.events) > 0 {
		first = a.events[0].Seq
		b.tally.created(tenant, b.now, len(a.events))
	}
	if err := a.remember(b, tenant, first); err != nil {
		return err
	}
	return a.deliver(b, tenant)
}

// deliver makes the deliveries of the events. Where they are too many, or others wait to be made, it stores
// who is to get them, and errMore tells that they are still to be made.
func (a *appendOp) deliver(b *batch, tenant int64) error {
	n := a.deliveries()
	if n == 0 {
		return nil
	}
	later, err := b.fansOut(tenant)
	if err != nil {
		return err
	}
	later = later || n > fanOutAtOnce
	for i, targets := range a.matched {
		e := &a.events[i]
		if later {
			if err := b.fanOutLater(tenant, a.places[i], targets); err != nil {
				return err
			}
			continue
		}
		for _, to := range targets {
			if err := b.deliver(a.tenant, tenant, a.places[i], e, to); err != nil {
				return err
			}
		}
	}
	if later {
		return errMore
	}
	return nil
}

// fanOut makes a slice of the deliveries that were put off. The events are committed, and so have their seqs.
func (a *appendOp) fanOut(b *batch) error {
	tenant, err := b.tenant(a.tenant)
	if err != nil {
		return err
	}
	more, err := b.fanOut(a.tenant, tenant, a.places[len(a.events)-1])
	if err == nil && more {
		err = errMore
	}
	return err
}

// checkRoutes refuses what was matched by other routes. Only what the server tells by itself is matched
// here: one small event.
func (a *appendOp) checkRoutes(b *batch) error {
	current := b.routesOf(a.tenant)
	switch {
	case a.version == current.version:
		return nil
	case a.told:
		return a.match(context.Background(), b.writer.store.heavy, current)
	}
	return errStale
}

const insertEvent = `INSERT INTO events (created_seq, seq, tenant, uuid, type, source, status, created_at, updated_at,
	attempts, attempted_at, latency_ms, error, payload, checksum, born_seq)
	VALUES (?1, ?10, ?2, ?3, ?4, ?5, ?8, ?6, ?6, 0, 0, -1, '', ?7, ?9, nullif(?10, ?1))`

func (a *appendOp) insert(b *batch, tenant int64) error {
	stmt, err := b.conn.Prepare(insertEvent)
	if err != nil {
		return err
	}
	a.receipts.Events, a.places = make([]store.Receipt, len(a.events)), make([]apier.Seq, len(a.events))
	commit := b.of(a.tenant)
	commit.Changes = slices.Grow(commit.Changes, len(a.events))
	for i := range a.events {
		e := &a.events[i]
		e.Seq, e.CreatedAt, e.UpdatedAt = b.nextSeq(tenant), b.now, b.now
		a.places[i] = apier.Seq(b.place)
		if err := b.ensureType(tenant, e.Type); err != nil {
			return err
		}
		stmt.BindInt64(1, b.place)
		stmt.BindInt64(2, tenant)
		stmt.BindBytes(3, a.uuids[i][:])
		stmt.BindText(4, e.Type)
		stmt.BindText(5, e.Source)
		stmt.BindInt64(6, int64(b.now))
		stmt.BindBytes(7, e.Payload)
		stmt.BindInt64(8, a.status(i))
		stmt.BindInt64(9, eventSum(a.sums[i], a.places[i], b.now))
		stmt.BindInt64(10, int64(e.Seq))
		if _, err := stmt.Step(); err != nil {
			return err
		}
		if err := stmt.Reset(); err != nil {
			return err
		}
		a.receipts.Events[i] = store.Receipt{ID: e.ID, Seq: e.Seq, CreatedAt: b.now}
		created := apier.EventChange(a.tenant, apier.Created, *e)
		created.Routed = a.status(i) == statusRouted
		commit.Changes = append(commit.Changes, created)
	}
	return nil
}

func (a *appendOp) status(i int) int64 {
	if a.matched != nil && len(a.matched[i]) > 0 {
		return statusRouted
	}
	return statusNumber(apier.StatusPending)
}

// replay finds the receipts of an earlier request with the same key. One that has outlived its retention is
// forgotten, even if housekeeping has not come to it.
func (a *appendOp) replay(b *batch, tenant int64) (found bool, err error) {
	var hash [32]byte
	err = sqlitex.Execute(b.conn,
		"SELECT request_hash, first_seq, created_at, uuids FROM idempotency WHERE tenant = ? AND key = ? AND created_at >= ?",
		&sqlitex.ExecOptions{Args: []any{tenant, a.key.Key, b.before(b.writer.store.options.IdempotencyRetention)}, ResultFunc: func(stmt *sqlite.Stmt) error {
			found = true
			stmt.ColumnBytes(0, hash[:])
			a.receipts = readReceipts(stmt)
			return nil
		}})
	if err == nil && found && !bytes.Equal(hash[:], a.key.RequestHash[:]) {
		a.receipts = store.Receipts{}
		err = apier.Errorf(apier.CodeConflict, "This Idempotency-Key was used with another request before. "+
			"Send the same request again, or use a new key for a new one.")
	}
	return found, err
}

func readReceipts(stmt *sqlite.Stmt) store.Receipts {
	first, createdAt := apier.Seq(stmt.ColumnInt64(1)), apier.Timestamp(stmt.ColumnInt64(2))
	raw := columnBytes(stmt, 3)
	receipts := store.Receipts{Replayed: true, Events: make([]store.Receipt, 0, len(raw)/16)}
	for ; len(raw) >= 16; raw = raw[16:] {
		receipts.Events = append(receipts.Events, store.Receipt{
			ID:        apier.FormatEventID([16]byte(raw)),
			Seq:       first + apier.Seq(len(receipts.Events)),
			CreatedAt: createdAt,
		})
	}
	return receipts
}

func (a *appendOp) remember(b *batch, tenant int64, first apier.Seq) error {
	if a.key == nil {
		return nil
	}
	raw := make([]byte, 0, 16*len(a.uuids))
	for _, id := range a.uuids {
		raw = append(raw, id[:]...)
	}
	return exec(b.conn, `INSERT OR REPLACE INTO idempotency (tenant, key, request_hash, first_seq, created_at, uuids)
		VALUES (?, ?, ?, ?, ?, ?)`, tenant, a.key.Key, a.key.RequestHash[:], int64(first), int64(b.now), raw)
}
