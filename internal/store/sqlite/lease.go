package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

const (
	maxLeaseBytes = 8 << 20 // payloads in one hand-out, and in one page of the cursor
	leaseScan     = 1000    // events that a group looks through in one operation
)

// Lease implements store.Inbox.
func (s *Store) Lease(ctx context.Context, tenant apier.TenantID, r store.LeaseRequest) (store.Leases, error) {
	r.Limit = min(max(r.Limit, 1), maxPage)
	o := &leaseOp{tenant: tenant, request: r}
	for try := 0; try == 0 || try < maxRematches && o.leases.More; try++ {
		if err := s.lease(ctx, o); err != nil {
			return store.Leases{}, wrap("lease events", err)
		}
	}
	for i := range o.leases.Leased {
		s.checkDepth(&o.leases.Leased[i].Event)
	}
	return o.leases, nil
}

// lease looks ahead beside the writer, and hands out.
func (s *Store) lease(ctx context.Context, o *leaseOp) (err error) {
	if o.request.Group != "" {
		if o.ahead, err = s.lookAhead(ctx, o.tenant, o.request.Group, o.request.Limit); err != nil {
			return err
		}
	}
	return s.submit(ctx, o.tenant, o.request.Limit, o.apply)
}

type leaseOp struct {
	tenant  apier.TenantID
	request store.LeaseRequest
	ahead   foundAhead // of a named group
	cut     bool       // there is more to do than one slice holds
	leases  store.Leases
	group   *inboxGroup
	bytes   int
	opened  int64 // leases of events that were never handed out before
}

// apply hands out what is due again first, so that nothing is left behind by new events.
func (o *leaseOp) apply(b *batch) error {
	o.leases, o.bytes, o.opened, o.cut = store.Leases{}, 0, 0, false
	tenant, err := b.ensureTenant(o.tenant)
	if err != nil {
		return err
	}
	if o.group, err = b.ensureGroup(tenant, store.NewGroup{Name: o.request.Group}); err != nil {
		return err
	}
	if o.group.fault != nil {
		return o.group.fault
	}
	if err := o.again(b); err != nil {
		return err
	}
	if err := o.fresh(b); err != nil {
		return err
	}
	if err := b.countOpen(o.group.id, o.opened); err != nil {
		return err
	}
	o.leases.Backlog = b.writer.store.backlog(o.group.Open + o.opened)
	if len(o.leases.Leased) == 0 {
		o.leases.More = o.cut
		o.leases.NextDue, err = firstDueAt(b.conn, o.group.id)
	}
	return err
}

func (o *leaseOp) full() bool {
	return len(o.leases.Leased) >= o.request.Limit || o.bytes >= maxLeaseBytes
}

// lease is a row of inbox_leases.
type lease struct {
	group      *inboxGroup
	event      apier.Seq // created_seq
	dueAt      apier.Timestamp
	holder     string
	deliveries int
}

// id returns the id of a hand-out. It is made of what its tenant knows, so that it tells nothing of others; the time
// of the group tells one from another of the same name after it.
func (l *lease) id(event apier.EventID) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d %s", event, l.deliveries, l.group.CreatedAt, l.group.Name))
	return "lea_" + hex.EncodeToString(sum[:13])
}

// is reports whether an id names the hand-out. Former versions made ids of numbers, for events up to plain.
func (l *lease) is(id string, event apier.EventID, plain int64) bool {
	former := fmt.Sprintf("lea_%d_%d_%d", l.group.id, l.event, l.deliveries)
	return id == l.id(event) || int64(l.event) <= plain && id == former
}

const (
	dueLeases = "SELECT event, due_at, holder, deliveries FROM inbox_leases INDEXED BY inbox_leases_by_due WHERE group_id = ? AND due_at <= ? ORDER BY due_at, event LIMIT ?"
	firstDue  = "SELECT due_at FROM inbox_leases INDEXED BY inbox_leases_by_due WHERE group_id = ? ORDER BY due_at LIMIT 1"
	oneLease  = "SELECT event, due_at, holder, deliveries FROM inbox_leases WHERE group_id = ? AND event = ?"
)

func readLeases(conn *sqlite.Conn, g *inboxGroup, query string, args ...any) (leases []lease, err error) {
	err = sqlitex.Execute(conn, query, &sqlitex.ExecOptions{Args: append([]any{g.id}, args...), ResultFunc: func(stmt *sqlite.Stmt) error {
		leases = append(leases, lease{
			group: g, event: apier.Seq(stmt.ColumnInt64(0)), dueAt: apier.Timestamp(stmt.ColumnInt64(1)),
			holder: stmt.ColumnText(2), deliveries: stmt.ColumnInt(3),
		})
		return nil
	}})
	return leases, err
}

func firstDueAt(conn *sqlite.Conn, group int64) (at apier.Timestamp, err error) {
	err = sqlitex.Execute(conn, firstDue, &sqlitex.ExecOptions{Args: []any{group}, ResultFunc: func(stmt *sqlite.Stmt) error {
		at = apier.Timestamp(stmt.ColumnInt64(0))
		return nil
	}})
	return at, err
}

// again hands out what is due again. Rows of events that are gone, or no longer in the inbox, end here and
// make place for others.
func (o *leaseOp) again(b *batch) error {
	for more := true; more && !o.full() && !o.cut; {
		due, err := readLeases(b.conn, o.group, dueLeases, int64(b.now), o.request.Limit)
		if err == nil {
			err = o.againAll(b, due)
		}
		if err != nil {
			return err
		}
		more = len(due) == o.request.Limit
	}
	return nil
}

func (o *leaseOp) againAll(b *batch, due []lease) error {
	for _, l := range due {
		if o.full() {
			return nil
		}
		if o.cut = b.sliceIsHeavy(); o.cut {
			return nil
		}
		found, err := b.eventAt(l.event)
		switch {
		case err != nil:
			return err
		case found == nil || found.event.Erased || o.group.isInbox() && !found.inInbox():
			err = b.endLease(&l)
		case b.exhausted(&l):
			err = o.giveUp(b, &l, found)
		default:
			err = o.take(b, &l, found)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) exhausted(l *lease) bool {
	limit := b.writer.store.options.InboxMaxDeliveries
	return limit > 0 && l.deliveries >= limit
}

// giveUp ends an event that was handed out too often. Of the inbox it has failed; a group drops it.
func (o *leaseOp) giveUp(b *batch, l *lease, found *row) error {
	if err := b.endLease(l); err != nil {
		return err
	}
	if !o.group.isInbox() {
		return exec(b.conn, "UPDATE inbox_groups SET dropped = dropped + 1 WHERE id = ?", o.group.id)
	}
	s := &settleOp{tenant: o.tenant, id: found.event.ID, outcome: store.Outcome{
		Status: apier.StatusFailed, ErrorMessage: fmt.Sprintf("handed out %d times and never acknowledged", l.deliveries),
	}}
	return s.apply(b)
}

// fresh hands out what was never handed out.
func (o *leaseOp) fresh(b *batch) error {
	room := b.writer.store.options.InboxOpen - int(o.group.Open)
	if want := min(o.request.Limit-len(o.leases.Leased), room); want > 0 && !o.full() && !o.cut {
		if o.group.isInbox() {
			return o.freshOfInbox(b, want)
		}
		return o.freshOfGroup(b, want)
	}
	return nil
}

const freshInbox = "SELECT " + eventColumns + " FROM events e INDEXED BY events_by_status WHERE e.tenant = ? AND e.status = 1" +
	" AND NOT EXISTS (SELECT 1 FROM inbox_leases l WHERE l.group_id = ? AND l.event = e.created_seq) ORDER BY e.created_seq LIMIT ?"

func (o *leaseOp) freshOfInbox(b *batch, want int) error {
	found, _, err := sliceOfEvents(b.conn, maxLeaseBytes-o.bytes, freshInbox, o.group.tenant, o.group.id, want)
	for i := range found {
		b.spend(1, len(found[i].event.Payload))
		if err == nil && !o.full() {
			err = o.take(b, &lease{group: o.group, event: found[i].createdSeq}, &found[i])
		}
	}
	return err
}

const freshGroup = "SELECT " + eventColumns + " FROM events e INDEXED BY events_by_tenant WHERE e.tenant = ? AND e.created_seq > ? ORDER BY e.created_seq LIMIT ?"

// freshOfGroup hands out what was found ahead of the group's place. It moves the place in the same
// transaction, so nothing is passed over. Where the group or its place has changed meanwhile so that nothing
// found is of use, it is to be looked for again.
func (o *leaseOp) freshOfGroup(b *batch, want int) error {
	if !o.ahead.fits(o.group) {
		o.cut = o.ahead.group != 0
		return nil
	}
	place, taken := o.group.Position, 0
	for _, seq := range o.ahead.after(place) {
		if taken == want || o.full() {
			return o.move(b, place)
		}
		if o.cut = b.sliceIsHeavy(); o.cut {
			return o.move(b, place)
		}
		place = seq
		found, err := b.eventAt(seq)
		if err != nil {
			return err
		}
		if found == nil || found.event.Erased { // there is nothing to hand out
			continue
		}
		taken++
		if err := o.take(b, &lease{group: o.group, event: seq}, found); err != nil {
			return err
		}
	}
	o.cut = !o.ahead.end
	return o.move(b, o.ahead.upto)
}

func (o *leaseOp) move(b *batch, place apier.Seq) error {
	if place == o.group.Position {
		return nil
	}
	return exec(b.conn, "UPDATE inbox_groups SET next_seq = ? WHERE id = ?", int64(place), o.group.id)
}

// take hands an event out once more.
func (o *leaseOp) take(b *batch, l *lease, found *row) error {
	if l.deliveries == 0 {
		o.opened++
	}
	l.deliveries++
	l.holder, l.dueAt = o.request.Subject, b.now+apier.Timestamp(o.request.For/time.Millisecond)
	if err := b.writeLease(l); err != nil {
		return err
	}
	o.bytes += len(found.event.Payload)
	o.leases.Leased = append(o.leases.Leased, store.Leased{Event: found.event, Lease: l.shown(found.event.ID)})
	return nil
}

func (l *lease) shown(id apier.EventID) store.Lease {
	return store.Lease{ID: l.id(id), Event: id, Until: l.dueAt, Deliveries: l.deliveries}
}

func (b *batch) writeLease(l *lease) error {
	return exec(b.conn, `INSERT INTO inbox_leases (group_id, event, due_at, holder, deliveries) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET due_at = excluded.due_at, holder = excluded.holder, deliveries = excluded.deliveries`,
		l.group.id, int64(l.event), int64(l.dueAt), l.holder, l.deliveries)
}

// endLease forgets a lease.
func (b *batch) endLease(l *lease) error {
	if err := exec(b.conn, "DELETE FROM inbox_leases WHERE group_id = ? AND event = ?", l.group.id, int64(l.event)); err != nil {
		return err
	}
	l.group.Open-- // it makes room for another in this very operation
	if l.group.Open == int64(b.writer.store.options.InboxOpen)-1 {
		if err := b.tellRoom(l.group); err != nil {
			return err
		}
	}
	return b.countOpen(l.group.id, -1)
}

// tellRoom has those who wait for the inbox look again after the commit.
func (b *batch) tellRoom(g *inboxGroup) error {
	name, err := b.tenantName(g.tenant)
	if err == nil {
		b.of(name).InboxReady = true
	}
	return err
}

func (b *batch) countOpen(group, n int64) error {
	if n == 0 {
		return nil
	}
	return exec(b.conn, "UPDATE inbox_groups SET open = open + ? WHERE id = ?", n, group)
}
