package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func inboxTests() map[string]func(*testing.T, Opener) {
	return map[string]func(*testing.T, Opener){
		"a lease hands out oldest first, to one at a time, and again when it ends": testLease,
		"acknowledging twice is harmless, with a lease that ended it is told":      testStaleLease,
		"a lease belongs to its holder":                                            testLeaseIsOwned,
		"giving back and extending":                                                testGiveBackAndExtend,
		"leases survive a restart":                                                 testLeasesSurvive,
		"without a lease too, an event can be acknowledged":                        testAckWithoutLease,
		"a batch of acknowledgements has an outcome for each":                      testAckBatch,
		"after too many hand-outs an event has failed":                             testMaxDeliveries,
		"what is open is bounded":                                                  testInboxOpen,
		"readiness says what a lease would find, and writes nothing":               testReadiness,
		"who waits is told when a lease ends sooner, or a full group has room":     testRoom,
		"every group gets every event, and the last one settles it":                testGroups,
		"a group begins now or at the start, and gets what it wants":               testGroupWants,
		"a group finds what it wants behind many events that it does not":          testGroupScan,
		"groups are counted, found, deleted":                                       testGroupAdmin,
		"following passes over nothing and changes nothing":                        testFollow,
		"inboxes of tenants never meet":                                            testInboxTenants,
		"many consumers at once share the work":                                    testManyConsumers,
		"whatever consumers do, nothing is lost and nothing held twice":            testInboxModel,
	}
}

var errNone *apier.Error //nolint:gochecknoglobals // the absence of an error, typed

func holder(group, subject string) store.Holder { return store.Holder{Group: group, Subject: subject} }

func (f *fixture) lease(h store.Holder, limit int, d time.Duration) store.Leases {
	f.t.Helper()
	before := must[store.Readiness](f.t)(f.Readiness(f.t.Context(), acme, h.Group, 0))
	l := must[store.Leases](f.t)(f.Lease(f.t.Context(), acme, store.LeaseRequest{Holder: h, Limit: limit, For: d}))
	if (len(l.Leased) > 0 || l.More) && !before.Ready {
		f.t.Errorf("a lease of the group %q found %d, and Readiness said that there was nothing", h.Group, len(l.Leased))
	}
	return l
}

func (f *fixture) ack(h store.Holder, ref store.LeaseRef) (apier.Event, *apier.Error) {
	f.t.Helper()
	results := must[[]store.Acknowledgement](f.t)(f.Acknowledge(f.t.Context(), acme, h, []store.LeaseRef{ref}))
	return results[0].Event, results[0].Err
}

func leasedIDs(l store.Leases) []apier.EventID {
	ids := make([]apier.EventID, len(l.Leased))
	for i, x := range l.Leased {
		ids[i] = x.Event.ID
	}
	return ids
}

func wantIDs(t *testing.T, what string, got, want []apier.EventID) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%s: got %v, want %v", what, got, want)
		}
	}
}

func wantConflict(t *testing.T, what string, err *apier.Error) {
	t.Helper()
	if err == errNone || err.Code != apier.CodeConflict || err.Message == "" {
		t.Fatalf("%s: got %v, want a conflict", what, err)
	}
}

func testLease(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ids := f.add(newEvents(5)...)
	a, b := holder("", "a"), holder("", "b")
	first := f.lease(a, 2, 30*time.Second)
	wantIDs(t, "the first two", leasedIDs(first), ids[:2])
	if l := first.Leased[0].Lease; l.Deliveries != 1 || l.Event != ids[0] || l.ID == "" || l.Until != apier.TimestampOf(f.clock.now().Add(30*time.Second)) {
		t.Fatalf("lease %+v", l)
	}
	wantIDs(t, "the others", leasedIDs(f.lease(b, 10, 60*time.Second)), ids[2:])
	empty := f.lease(b, 10, time.Second)
	if len(empty.Leased) != 0 || empty.NextDue != first.Leased[0].Lease.Until || empty.More {
		t.Fatalf("nothing is left: %+v", empty)
	}
	f.clock.advance(30 * time.Second)
	again := f.lease(b, 10, 30*time.Second)
	wantIDs(t, "due again", leasedIDs(again), ids[:2])
	if again.Leased[0].Lease.Deliveries != 2 || again.Leased[0].Lease.ID == first.Leased[0].Lease.ID {
		t.Fatalf("lease %+v", again.Leased[0].Lease)
	}
	newest := f.add(newEvents(1)...)
	f.clock.advance(30 * time.Second)
	wantIDs(t, "what is due again comes before what is new", leasedIDs(f.lease(a, 10, time.Second)), append(ids[:5:5], newest...))
	if page := f.list(store.Filter{Status: apier.StatusPending}); len(page.Events) != 6 {
		t.Fatalf("leased events are pending: %d", len(page.Events))
	}
}

func testStaleLease(t *testing.T, open Opener) {
	f := newFixture(t, open)
	id := f.add(newEvents(1)...)[0]
	a, b := holder("", "a"), holder("", "b")
	stale := f.lease(a, 1, time.Second).Leased[0].Lease
	f.clock.advance(time.Second)
	fresh := f.lease(b, 1, time.Minute).Leased[0].Lease
	_, err := f.ack(a, store.LeaseRef{Event: id, ID: stale.ID})
	wantConflict(t, "a stale lease", err)
	_, err = f.ack(a, store.LeaseRef{Event: id})
	wantConflict(t, "no lease at all", err)
	event, err := f.ack(b, store.LeaseRef{Event: id, ID: fresh.ID})
	if err != errNone || event.Status != apier.StatusDelivered || event.DeliveryLatencyMS != 1000 {
		t.Fatalf("%+v, %v", event, err)
	}
	head := f.head()
	for _, ref := range []store.LeaseRef{{Event: id, ID: fresh.ID}, {Event: id, ID: stale.ID}, {Event: id}} {
		if again, err := f.ack(b, ref); err != errNone || again.Seq != event.Seq || f.head() != head {
			t.Fatalf("acknowledged again: %+v, %v", again, err)
		}
	}
}

func testLeaseIsOwned(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ctx, id := t.Context(), f.add(newEvents(1)...)[0]
	a, b := holder("", "a"), holder("", "b")
	l := f.lease(a, 1, time.Minute).Leased[0].Lease
	for _, ref := range []store.LeaseRef{{Event: id}, {Event: id, ID: l.ID}} {
		_, err := f.ack(b, ref)
		wantConflict(t, "another's lease", err)
		_, failure := f.GiveBack(ctx, acme, b, ref, 0)
		wantCode(t, failure, apier.CodeConflict)
		_, failure = f.Extend(ctx, acme, b, ref, time.Hour)
		wantCode(t, failure, apier.CodeConflict)
	}
	f.clock.advance(time.Hour)
	_, failure := f.Extend(ctx, acme, b, store.LeaseRef{Event: id}, time.Hour)
	wantCode(t, failure, apier.CodeConflict)
	if event, err := f.ack(a, store.LeaseRef{Event: id, ID: l.ID}); err != errNone || event.Status != apier.StatusDelivered {
		t.Fatalf("late, but nobody else has it: %v", err)
	}
	_, failure = f.Extend(ctx, acme, a, store.LeaseRef{Event: id}, time.Hour)
	wantCode(t, failure, apier.CodeConflict)
}

func testGiveBackAndExtend(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ctx, ids := t.Context(), f.add(newEvents(2)...)
	a := holder("", "a")
	f.lease(a, 2, 10*time.Second)
	must[store.Lease](t)(f.GiveBack(ctx, acme, a, store.LeaseRef{Event: ids[0]}, 5*time.Second))
	extended := must[store.Lease](t)(f.Extend(ctx, acme, a, store.LeaseRef{Event: ids[1]}, time.Minute))
	if extended.Until != apier.TimestampOf(f.clock.now().Add(time.Minute)) || extended.Deliveries != 1 {
		t.Fatalf("extended: %+v", extended)
	}
	if l := f.lease(a, 2, time.Second); len(l.Leased) != 0 || l.NextDue != apier.TimestampOf(f.clock.now().Add(5*time.Second)) {
		t.Fatalf("not yet due: %+v", l)
	}
	_, failure := f.GiveBack(ctx, acme, a, store.LeaseRef{Event: ids[0]}, 0)
	wantCode(t, failure, apier.CodeConflict) // it is nobody's now
	f.clock.advance(10 * time.Second)
	wantIDs(t, "given back", leasedIDs(f.lease(holder("", "b"), 2, time.Minute)), ids[:1])
	f.clock.advance(50 * time.Second)
	wantIDs(t, "extended", leasedIDs(f.lease(a, 1, time.Minute)), ids[1:])
	_, failure = f.GiveBack(ctx, acme, a, store.LeaseRef{Event: "evt_x"}, 0)
	wantCode(t, failure, apier.CodeNotFound)
}

func testLeasesSurvive(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ids := f.add(newEvents(2)...)
	a := holder("", "a")
	l := f.lease(a, 1, time.Minute).Leased[0].Lease
	f.reopen()
	wantIDs(t, "the other one", leasedIDs(f.lease(holder("", "b"), 2, time.Minute)), ids[1:])
	if _, err := f.ack(a, store.LeaseRef{Event: ids[0], ID: l.ID}); err != errNone {
		t.Fatal(err)
	}
}

func testAckWithoutLease(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ids := f.add(newEvents(3)...)
	a, b := holder("", "a"), holder("", "b")
	if event, err := f.ack(a, store.LeaseRef{Event: ids[0]}); err != errNone || event.Status != apier.StatusDelivered {
		t.Fatalf("%+v, %v", event, err)
	}
	f.lease(a, 1, time.Second)
	f.deliver(ids[1]) // by other means
	check(t, f.Delete(t.Context(), acme, ids[2]))
	f.clock.advance(time.Minute)
	if l := f.lease(b, 10, time.Second); len(l.Leased) != 0 || l.NextDue != 0 {
		t.Fatalf("nothing is left: %+v", l)
	}
	_, err := f.ack(a, store.LeaseRef{Event: ids[2]})
	if err == errNone || err.Code != apier.CodeNotFound {
		t.Fatal(err)
	}
}

func testAckBatch(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ids := f.add(newEvents(3)...)
	a := holder("", "a")
	f.lease(a, 1, time.Minute)
	results := must[[]store.Acknowledgement](t)(f.Acknowledge(t.Context(), acme, holder("", "b"),
		[]store.LeaseRef{{Event: ids[0]}, {Event: ids[1]}, {Event: "evt_nothing"}, {Event: ids[1]}, {Event: ids[2], ID: "lea_1_1_1"}}))
	wantConflict(t, "leased", results[0].Err)
	wantConflict(t, "no such lease", results[4].Err)
	if results[1].Err != errNone || results[1].Event.Status != apier.StatusDelivered || results[3].Err != errNone ||
		results[3].Event.Seq != results[1].Event.Seq || results[2].Err.Code != apier.CodeNotFound {
		t.Fatalf("%+v", results)
	}
	_, err := f.Acknowledge(t.Context(), acme, holder("nobody", "a"), nil)
	wantCode(t, err, apier.CodeNotFound)
}

func testMaxDeliveries(t *testing.T, open Opener) {
	f := newTunedFixture(t, open, func(o *store.Options) { o.InboxMaxDeliveries = 2 })
	id := f.add(newEvents(1)...)[0]
	for range 2 {
		wantIDs(t, "inbox", leasedIDs(f.lease(holder("", "a"), 1, time.Second)), []apier.EventID{id})
		f.clock.advance(time.Second)
	}
	if l := f.lease(holder("", "a"), 1, time.Second); len(l.Leased) != 0 || l.NextDue != 0 {
		t.Fatalf("%+v", l)
	}
	event := must[apier.Event](t)(f.Event(t.Context(), acme, id))
	if event.Status != apier.StatusFailed || event.ErrorMessage == "" {
		t.Fatalf("%+v", event)
	}
	must[store.Group](t)(f.PutGroup(t.Context(), acme, store.NewGroup{Name: "g", FromStart: true}))
	for range 3 {
		f.lease(holder("g", "a"), 1, time.Second)
		f.clock.advance(time.Second)
	}
	if g := must[[]store.Group](t)(f.Groups(t.Context(), acme))[0]; g.Dropped != 1 || g.Open != 0 {
		t.Fatalf("%+v", g)
	}
}

func testInboxOpen(t *testing.T, open Opener) {
	f := newTunedFixture(t, open, func(o *store.Options) { o.InboxOpen = 3 })
	ids := f.add(newEvents(5)...)
	a := holder("", "a")
	wantIDs(t, "as many as may be open", leasedIDs(f.lease(a, 10, time.Second)), ids[:3])
	f.clock.advance(time.Second)
	wantIDs(t, "what is due again", leasedIDs(f.lease(a, 10, time.Second)), ids[:3])
	if _, err := f.ack(a, store.LeaseRef{Event: ids[1]}); err != errNone {
		t.Fatal(err)
	}
	wantIDs(t, "one more", leasedIDs(f.lease(a, 10, time.Second)), ids[3:4])
	for _, id := range []apier.EventID{ids[0], ids[2], ids[3]} {
		f.deliver(id)
	}
	f.clock.advance(time.Second)
	wantIDs(t, "what was settled elsewhere makes room at once", leasedIDs(f.lease(a, 10, time.Second)), ids[4:])
}

func testRoom(t *testing.T, open Opener) {
	told := 0 // by the writer, before each call below returns
	f := newTunedFixture(t, open, func(o *store.Options) {
		o.InboxOpen = 2
		o.Announce = func(commits []apier.Commit) {
			for _, c := range commits {
				if c.Tenant == acme && c.InboxReady {
					told++
				}
			}
		}
	})
	ctx, ids := t.Context(), f.add(newEvents(3)...)
	a := holder("g", "a")
	must[store.Group](t)(f.PutGroup(ctx, acme, store.NewGroup{Name: "g", FromStart: true}))
	f.lease(a, 2, time.Minute)
	if told != 1 {
		t.Fatalf("told %d times of a group that was put", told)
	}
	for i, step := range []struct {
		what string
		do   func() error
		want int
	}{
		{"a longer lease", func() error { _, err := f.Extend(ctx, acme, a, store.LeaseRef{Event: ids[0]}, time.Hour); return err }, 1},
		{"a shorter one", func() error { _, err := f.Extend(ctx, acme, a, store.LeaseRef{Event: ids[0]}, time.Minute); return err }, 2},
		{"one given back for later", func() error { _, err := f.GiveBack(ctx, acme, a, store.LeaseRef{Event: ids[0]}, time.Hour); return err }, 2},
		{"one given back for sooner", func() error {
			_, err := f.GiveBack(ctx, acme, a, store.LeaseRef{Event: ids[1]}, time.Second)
			return err
		}, 3},
		{"an end in a full group", func() error { _, err := f.Acknowledge(ctx, acme, a, []store.LeaseRef{{Event: ids[0]}}); return err }, 4},
		{"an end where there was room", func() error { _, err := f.Acknowledge(ctx, acme, a, []store.LeaseRef{{Event: ids[1]}}); return err }, 4},
		{"the end of the group", func() error { return f.DeleteGroup(ctx, acme, "g") }, 5},
	} {
		if err := step.do(); err != nil || told != step.want {
			t.Fatalf("step %d, %s: told %d times, want %d; %v", i+1, step.what, told, step.want, err)
		}
	}
}

func testGroups(t *testing.T, open Opener) {
	f := newFixture(t, open)
	for _, name := range []string{"billing", "mail"} {
		must[store.Group](t)(f.PutGroup(t.Context(), acme, store.NewGroup{Name: name}))
	}
	ids := f.add(newEvents(2)...)
	billing, mail := holder("billing", "a"), holder("mail", "a")
	wantIDs(t, "billing", leasedIDs(f.lease(billing, 10, time.Minute)), ids)
	wantIDs(t, "mail", leasedIDs(f.lease(mail, 1, time.Minute)), ids[:1])
	wantIDs(t, "the inbox itself", leasedIDs(f.lease(holder("", "x"), 1, time.Minute)), ids[:1])

	event, err := f.ack(billing, store.LeaseRef{Event: ids[0]})
	if err != errNone || event.Status != apier.StatusPending {
		t.Fatalf("mail has it not yet: %+v, %v", event, err)
	}
	if again, err := f.ack(billing, store.LeaseRef{Event: ids[0]}); err != errNone || again.Seq != event.Seq {
		t.Fatalf("twice: %v", err)
	}
	if event, err = f.ack(mail, store.LeaseRef{Event: ids[0]}); err != errNone || event.Status != apier.StatusDelivered {
		t.Fatalf("the last one settles it: %+v, %v", event, err)
	}
	_, err = f.ack(mail, store.LeaseRef{Event: ids[1]})
	wantConflict(t, "not handed out yet", err)
	if event, err = f.ack(billing, store.LeaseRef{Event: ids[1]}); err != errNone || event.Status != apier.StatusPending {
		t.Fatalf("mail was not even given it: %+v, %v", event, err)
	}
	f.reopen()
	wantIDs(t, "after a restart", leasedIDs(f.lease(mail, 10, time.Minute)), ids[1:])
}

func testGroupWants(t *testing.T, open Opener) {
	f := newFixture(t, open)
	old := f.add(newEvent("order.created", "shop"), newEvent("user.created", "shop"))
	must[store.Group](t)(f.PutGroup(t.Context(), acme, store.NewGroup{Name: "all", FromStart: true}))
	must[store.Group](t)(f.PutGroup(t.Context(), acme, store.NewGroup{Name: "users", FromStart: true, Types: []string{"user.*"}}))
	must[store.Group](t)(f.PutGroup(t.Context(), acme, store.NewGroup{Name: "sevens", FromStart: true, Filter: []byte(`{"payload.a":7}`)}))
	f.lease(holder("late", "a"), 1, time.Minute) // made by use
	recent := f.add(newEvent("user.gone", "shop"), newEvent("order.gone", "shop"), apier.NewEvent{Type: "x", Source: "y", Payload: []byte(`{"a":7}`)})
	for name, want := range map[string][]apier.EventID{
		"all": append(append([]apier.EventID{}, old...), recent...), "users": {old[1], recent[0]}, "late": recent, "sevens": recent[2:],
	} {
		wantIDs(t, name, leasedIDs(f.lease(holder(name, "a"), 10, time.Minute)), want)
	}
	event, err := f.ack(holder("all", "a"), store.LeaseRef{Event: old[0]})
	if err != errNone || event.Status != apier.StatusDelivered { // no other group wants it
		t.Fatalf("%+v, %v", event, err)
	}
}

func testGroupScan(t *testing.T, open Opener) {
	f := newFixture(t, open)
	must[store.Group](t)(f.PutGroup(t.Context(), acme, store.NewGroup{Name: "g", Types: []string{"user.*"}}))
	for range 3 {
		f.add(newEvents(1000)...)
	}
	wanted := f.add(newEvent("user.made", "shop"))
	looks := 1
	leases := f.lease(holder("g", "a"), 10, time.Minute)
	for ; leases.More; looks++ {
		leases = f.lease(holder("g", "a"), 10, time.Minute)
	}
	if wantIDs(t, "behind three thousand", leasedIDs(leases), wanted); looks < 2 {
		t.Fatal("one operation looked through all of them, and others waited")
	}
	if again := f.lease(holder("g", "a"), 10, time.Minute); len(again.Leased) != 0 || again.More {
		t.Fatalf("%+v", again)
	}
}

func testGroupAdmin(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ctx := t.Context()
	f.add(newEvents(3)...)
	made := must[store.Group](t)(f.PutGroup(ctx, acme, store.NewGroup{Name: "b", FromStart: true}))
	f.lease(holder("b", "x"), 2, time.Minute)
	changed := must[store.Group](t)(f.PutGroup(ctx, acme, store.NewGroup{Name: "b", Types: []string{"x*"}}))
	if made.Position != 0 || changed.Position == 0 || changed.Open != 2 || len(changed.Types) != 1 || changed.CreatedAt != made.CreatedAt {
		t.Fatalf("%+v, then %+v", made, changed)
	}
	must[store.Group](t)(f.PutGroup(ctx, acme, store.NewGroup{Name: "a"}))
	if groups := must[[]store.Group](t)(f.Groups(ctx, acme)); len(groups) != 2 || groups[0].Name != "a" || groups[1].Open != 2 {
		t.Fatalf("%+v", groups)
	}
	check(t, f.DeleteGroup(ctx, acme, "b"))
	wantCode(t, f.DeleteGroup(ctx, acme, "b"), apier.CodeNotFound)
	wantCode(t, f.DeleteGroup(ctx, other, "a"), apier.CodeNotFound)
	wantCode(t, f.DeleteGroup(ctx, acme, ""), apier.CodeNotFound)
}

func testFollow(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ids := f.add(newEvents(5)...)
	f.deliver(ids[0])
	f.lease(holder("", "a"), 2, time.Minute)
	var got []apier.EventID
	for after, more := apier.Seq(0), true; more; {
		page := must[store.FollowPage](t)(f.Follow(t.Context(), acme, after, 2))
		if len(page.Events) > 2 || len(page.Events) > 0 && page.Next <= after {
			t.Fatalf("%+v", page)
		}
		after, more = page.Next, page.HasMore
		for _, e := range page.Events {
			got = append(got, e.ID)
		}
	}
	wantIDs(t, "all of them", got, ids)
	large := newEvents(40)
	for i := range large { // 10 MiB together
		large[i].Payload = fmt.Appendf(nil, `{"n":"%0262100d"}`, i)
	}
	ids = f.add(large...)
	page := must[store.FollowPage](t)(f.Follow(t.Context(), acme, 5, 100))
	if n := len(page.Events); n < 32 || n > 33 || !page.HasMore || page.Events[n-1].ID != ids[n-1] {
		t.Fatalf("a page of %d, more %v: it is to end at 8 MiB", n, page.HasMore)
	}
	rest := must[store.FollowPage](t)(f.Follow(t.Context(), acme, page.Next, 100))
	if len(page.Events)+len(rest.Events) != len(ids) || rest.HasMore {
		t.Fatalf("%d and %d of %d", len(page.Events), len(rest.Events), len(ids))
	}
	if page := must[store.FollowPage](t)(f.Follow(t.Context(), other, 7, 2)); len(page.Events) != 0 || page.Next != 7 || page.HasMore {
		t.Fatalf("%+v", page)
	}
}

func testInboxTenants(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ctx, id := t.Context(), f.add(newEvents(1)...)[0]
	must[store.Group](t)(f.PutGroup(ctx, acme, store.NewGroup{Name: "g", FromStart: true}))
	for _, group := range []string{"", "g"} {
		h := holder(group, "a")
		l := must[store.Leases](t)(f.Lease(ctx, other, store.LeaseRequest{Holder: h, Limit: 10, For: time.Second}))
		if len(l.Leased) != 0 {
			t.Fatalf("%+v", l)
		}
		results := must[[]store.Acknowledgement](t)(f.Acknowledge(ctx, other, h, []store.LeaseRef{{Event: id}}))
		if results[0].Err == errNone || results[0].Err.Code != apier.CodeNotFound {
			t.Fatalf("%+v", results)
		}
		_, err := f.Extend(ctx, other, h, store.LeaseRef{Event: id}, time.Second)
		wantCode(t, err, apier.CodeNotFound)
	}
}

// testManyConsumers: while no lease ends, each event is handed out once in each group.
func testManyConsumers(t *testing.T, open Opener) {
	f := newFixture(t, open)
	must[store.Group](t)(f.PutGroup(t.Context(), acme, store.NewGroup{Name: "g"}))
	c := &crowd{fixture: f, seen: map[string]map[apier.EventID]int{"": {}, "g": {}}, produced: make(chan struct{})}
	var work sync.WaitGroup
	for _, group := range []string{"", "g"} {
		for range 4 {
			work.Go(func() { c.consume(holder(group, "shared")) }) // as workers behind one key
		}
	}
	var ids []apier.EventID
	for range 30 {
		ids = append(ids, f.add(newEvents(10)...)...)
	}
	close(c.produced)
	work.Wait()
	for _, id := range ids { // the inbox may lose an event to the group, which settles it when it is first
		if c.seen["g"][id] != 1 || c.seen[""][id] > 1 {
			t.Errorf("%s was handed out %d and %d times", id, c.seen[""][id], c.seen["g"][id])
		}
	}
}

// crowd is consumers at work, and what they saw.
type crowd struct {
	*fixture
	produced chan struct{} // closed: no more events come

	mu   sync.Mutex
	seen map[string]map[apier.EventID]int
}

func (c *crowd) consume(h store.Holder) {
	for last := false; ; {
		leases, err := c.Lease(c.t.Context(), acme, store.LeaseRequest{Holder: h, Limit: 7, For: time.Hour})
		if err != nil {
			c.t.Error(err)
			return
		}
		if last && len(leases.Leased) == 0 {
			return
		}
		results, err := c.Acknowledge(c.t.Context(), acme, h, c.note(h.Group, leases.Leased))
		for _, r := range results {
			if r.Err != nil {
				c.t.Error(r.Err)
			}
		}
		if err != nil {
			c.t.Error(err)
			return
		}
		select {
		case <-c.produced:
			last = true
		default:
		}
	}
}

func (c *crowd) note(group string, leased []store.Leased) []store.LeaseRef {
	c.mu.Lock()
	defer c.mu.Unlock()
	refs := make([]store.LeaseRef, len(leased))
	for i, l := range leased {
		refs[i] = store.LeaseRef{Event: l.Event.ID, ID: l.Lease.ID}
		c.seen[group][l.Event.ID]++
	}
	return refs
}
