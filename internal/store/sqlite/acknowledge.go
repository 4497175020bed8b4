package sqlite

import (
	"context"
	"errors"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// Acknowledge implements store.Inbox.
func (s *Store) Acknowledge(ctx context.Context, tenant apier.TenantID, holder store.Holder, refs []store.LeaseRef) ([]store.Acknowledgement, error) {
	results := make([]store.Acknowledgement, 0, len(refs))
	for done := -1; done < len(refs); done = len(results) { // at least once, which finds the group or not
		done = max(done, 0)
		o := &acknowledgeOp{tenant: tenant, holder: holder, refs: refs[done:min(done+maxAcknowledged, len(refs))]}
		if err := s.acknowledge(ctx, o); err != nil {
			return nil, wrap("acknowledge events", err)
		}
		results = append(results, o.results...)
	}
	return results, nil
}

// maxAcknowledged bounds the events that are acknowledged in one operation.
const maxAcknowledged = 100

// acknowledge finds out beside the writer which groups want the events, and again where what they want was
// changed meanwhile. After some tries those who change groups wait.
func (s *Store) acknowledge(ctx context.Context, o *acknowledgeOp) (err error) {
	for try := 0; ; try++ {
		if try == maxRematches {
			changing := s.groups.changing(o.tenant)
			changing.Lock()
			defer changing.Unlock()
		}
		if o.holder.Group != "" {
			if o.wishes, err = s.wishesFor(ctx, o.tenant, o.refs); err != nil {
				return err
			}
		}
		if err = s.submit(ctx, o.tenant, len(o.refs), o.apply); !errors.Is(err, errStale) {
			return err
		}
	}
}

type acknowledgeOp struct {
	tenant  apier.TenantID
	holder  store.Holder
	refs    []store.LeaseRef
	wishes  *wishes                 // of a named group's events
	groups  []*inboxGroup           // likewise: all groups there are
	results []store.Acknowledgement // of the first of refs; the others did not fit into one slice
}

func (o *acknowledgeOp) apply(b *batch) error {
	o.results, o.groups = make([]store.Acknowledgement, 0, len(o.refs)), nil
	tenant, err := b.tenant(o.tenant)
	if err != nil {
		return err
	}
	group, err := findGroup(b.conn, tenant, o.holder.Group)
	if err != nil {
		return err
	}
	if group == nil && o.holder.Group != "" {
		return errNoGroup(o.holder.Group)
	}
	if o.holder.Group != "" {
		if err := o.checkWishes(b, tenant); err != nil {
			return err
		}
	}
	for i, ref := range o.refs {
		if i > 0 && b.sliceDone() {
			return nil
		}
		event, err := o.one(b, tenant, group, ref)
		var refusal *apier.Error
		if err != nil && !errors.As(err, &refusal) {
			return err
		}
		o.results = append(o.results, store.Acknowledgement{Event: event, Err: refusal})
	}
	return nil
}

// checkWishes refuses what was found out of groups that want something else by now, or were not there. One
// that begins behind all that was created then is no matter.
func (o *acknowledgeOp) checkWishes(b *batch, tenant int64) (err error) {
	o.groups, err = readPlainGroups(b.conn, "WHERE tenant = ? AND name <> ''", tenant)
	for _, g := range o.groups {
		if err == nil && !o.wishes.know(g) && g.from < o.wishes.head {
			return errStale
		}
	}
	return err
}

// one refuses before it writes anything.
func (o *acknowledgeOp) one(b *batch, tenant int64, group *inboxGroup, ref store.LeaseRef) (apier.Event, error) {
	found, err := findEvent(b.conn, tenant, ref.Event)
	if err != nil {
		return apier.Event{}, err
	}
	b.spend(2, 2*len(found.event.Payload)) // it is read, and written with its status
	held, err := findLease(b.conn, group, found.createdSeq)
	if err != nil {
		return apier.Event{}, err
	}
	if group != nil && !group.isInbox() {
		return o.ofGroup(b, group, held, ref, found)
	}
	if found.event.Status == apier.StatusDelivered { // by whoever it was
		return found.event, nil
	}
	if err := held.check(b, o.holder, ref); err != nil {
		return apier.Event{}, err
	}
	return o.deliver(b, held, ref.Event)
}

// deliver settles an event and ends its lease in the inbox.
func (o *acknowledgeOp) deliver(b *batch, held *lease, id apier.EventID) (apier.Event, error) {
	if held != nil {
		if err := b.endLease(held); err != nil {
			return apier.Event{}, err
		}
	}
	s := &settleOp{tenant: o.tenant, id: id, outcome: store.Outcome{Status: apier.StatusDelivered}}
	err := s.apply(b)
	return s.event, err
}

func (o *acknowledgeOp) ofGroup(b *batch, group *inboxGroup, held *lease, ref store.LeaseRef, found row) (apier.Event, error) {
	switch {
	case held == nil && found.createdSeq <= group.Position:
		return found.event, nil // acknowledged before
	case held == nil:
		return apier.Event{}, apier.Errorf(apier.CodeConflict, "The event %s was not handed out to the group %q yet.", ref.Event, group.Name)
	}
	if err := held.check(b, o.holder, ref); err != nil {
		return apier.Event{}, err
	}
	if err := b.endLease(held); err != nil {
		return apier.Event{}, err
	}
	done, err := o.everyGroupHas(b, &found)
	if err != nil || !done || !found.inInbox() {
		return found.event, err
	}
	return o.deliver(b, nil, ref.Event)
}

// everyGroupHas reports whether each group that wants the event has acknowledged it.
func (o *acknowledgeOp) everyGroupHas(b *batch, found *row) (bool, error) {
	wanted, known := o.wishes.wanted[found.event.ID]
	if !known { // created after the look: no group can be known to have it
		return false, nil
	}
	for _, g := range o.groups {
		if _, wants := wanted[g.id]; found.createdSeq <= g.from || !wants {
			continue
		}
		b.spend(1, 0)
		held, err := findLease(b.conn, g, found.createdSeq)
		if err != nil || held != nil || found.createdSeq > g.Position {
			return false, err
		}
	}
	return true, nil
}

// findLease gives the lease of an event in a group; nil: there is none.
func findLease(conn *sqlite.Conn, g *inboxGroup, event apier.Seq) (*lease, error) {
	if g == nil {
		return nil, nil
	}
	found, err := readLeases(conn, g, oneLease, int64(event))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// check reports whether the holder may end the lease, or why not. A lease that ran out can still be ended
// by its holder, as long as the event was not handed out again.
func (l *lease) check(b *batch, holder store.Holder, ref store.LeaseRef) error {
	switch {
	case l == nil && ref.ID == "":
		return nil
	case l == nil:
		return apier.Errorf(apier.CodeConflict, "The lease %s has ended, or was never given. Acknowledge without a lease, or lease the event again.", ref.ID)
	case ref.ID != "" && !l.is(ref.ID, ref.Event, b.writer.store.ids.plain):
		return apier.Errorf(apier.CodeConflict, "The lease %s has ended, if it ever was, and the event was handed out again, %d times so far. What you did with it may be done twice.", ref.ID, l.deliveries)
	case l.holder != "" && l.holder != holder.Subject && (ref.ID != "" || b.now < l.dueAt):
		return apier.Errorf(apier.CodeConflict, "The event %s is leased to another until %s.", ref.Event, l.dueAt)
	}
	return nil
}

// GiveBack implements store.Inbox.
func (s *Store) GiveBack(ctx context.Context, tenant apier.TenantID, holder store.Holder, ref store.LeaseRef, delay time.Duration) (store.Lease, error) {
	return s.changeLease(ctx, tenant, holder, ref, func(l *lease, now apier.Timestamp) {
		l.holder, l.dueAt = "", now+apier.Timestamp(delay/time.Millisecond)
	})
}

// Extend implements store.Inbox.
func (s *Store) Extend(ctx context.Context, tenant apier.TenantID, holder store.Holder, ref store.LeaseRef, d time.Duration) (store.Lease, error) {
	return s.changeLease(ctx, tenant, holder, ref, func(l *lease, now apier.Timestamp) {
		l.dueAt = now + apier.Timestamp(d/time.Millisecond)
	})
}

func (s *Store) changeLease(
	ctx context.Context, tenant apier.TenantID, holder store.Holder, ref store.LeaseRef, change func(*lease, apier.Timestamp),
) (store.Lease, error) {
	var changed store.Lease
	err := s.submit(ctx, tenant, 1, func(b *batch) error {
		number, found, err := b.find(tenant, ref.Event)
		if err != nil {
			return err
		}
		group, err := findGroup(b.conn, number, holder.Group)
		if err != nil {
			return err
		}
		held, err := findLease(b.conn, group, found.createdSeq)
		if err != nil {
			return err
		}
		if held == nil || held.holder == "" {
			return apier.Errorf(apier.CodeConflict, "The event %s is not leased. Lease it first: GET /api/inbox?lease_seconds=30.", ref.Event)
		}
		if err := held.check(b, holder, ref); err != nil {
			return err
		}
		if held.holder != holder.Subject {
			return apier.Errorf(apier.CodeConflict, "The lease of %s was another's, and has ended. Lease the event first.", ref.Event)
		}
		before := held.dueAt
		change(held, b.now)
		changed = held.shown(ref.Event)
		if held.dueAt < before {
			if err := b.tellRoom(group); err != nil {
				return err
			}
		}
		return b.writeLease(held)
	})
	return changed, wrap("change lease", err)
}
