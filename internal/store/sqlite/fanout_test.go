package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
	"github.com/apier/apier/internal/store/rules"
)

func TestTargetsAreReadAsWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var targets []rules.Target
		last := int64(0)
		for range rapid.IntRange(0, 50).Draw(r, "targets") {
			last += rapid.Int64Range(1, 1<<40).Draw(r, "distance")
			targets = append(targets, rules.Target{Endpoint: last, OrderKey: rapid.SampledFrom([]string{"", "a", "käse", "\x00"}).Draw(r, "key")})
		}
		raw := appendTargets(nil, targets)
		got, err := readTargets(raw)
		if err != nil || !slices.Equal(got, targets) {
			r.Fatalf("%v became %v, %v", targets, got, err)
		}
		if n := rapid.IntRange(0, len(raw)-1).Draw(r, "cut"); n < len(raw) {
			if _, err := readTargets(raw[:n]); !errors.Is(err, errTargets) {
				r.Fatalf("cut to %d of %d bytes: %v", n, len(raw), err)
			}
		}
	})
}

func endpoints(t *testing.T, s *Store, tenant apier.TenantID, n int, e apier.Endpoint) (ids []apier.EndpointID) {
	t.Helper()
	for i := range n {
		e.URL = fmt.Sprint("https://shop.example/", i)
		made, err := s.CreateEndpoint(t.Context(), tenant, e, []byte("secret"))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, made.ID)
	}
	return ids
}

// commits records how many changes each commit announces.
type commits struct {
	mu      sync.Mutex
	changes []int
	of      map[apier.TenantID]int
}

func (c *commits) announce(all []apier.Commit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	changes := 0
	for i := range all {
		if c.of == nil {
			c.of = map[apier.TenantID]int{}
		}
		c.of[all[i].Tenant] += len(all[i].Changes)
		changes += len(all[i].Changes)
	}
	c.changes = append(c.changes, changes)
}

func changesOf(commits []apier.Commit) (changes []apier.Change) {
	for i := range commits {
		changes = append(changes, commits[i].Changes...)
	}
	return changes
}

func (c *commits) largest() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Max(c.changes)
}

// A batch to many endpoints is stored at once; its deliveries follow in slices, in the order of the events.
func TestFanOutIsSliced(t *testing.T) {
	t.Parallel()
	var seen commits
	s := open(t, filepath.Join(t.TempDir(), "apier.db"), store.Options{Announce: seen.announce})
	defer func() { _ = s.Close() }()
	const many, events = 150, 200
	ids := endpoints(t, s, "acme", many, apier.Endpoint{OrderKey: "key"})
	batch := make([]apier.NewEvent, events)
	for i := range batch {
		batch[i] = apier.NewEvent{Type: "a.b", Source: "shop", Payload: fmt.Appendf(nil, `{"key":"same","n":%d}`, i)}
	}
	receipts := appended(t, s, batch)
	if n := seen.largest(); n > maxBatchWeight+2*sliceWeight {
		t.Errorf("a commit of %d changes", n)
	}
	for _, id := range []apier.EndpointID{ids[0], ids[many-1]} {
		for i := range 3 { // each has the turn once the one before has ended
			claims, err := s.Claim(t.Context(), "acme", id, 10, time.Minute)
			if err != nil || len(claims.Claimed) != 1 || claims.Claimed[0].Event.ID != receipts.Events[i].ID {
				t.Fatalf("claims %+v, %v", claims.Claimed, err)
			}
			finish(t, s, claims.Claimed[0])
		}
		e, err := s.Endpoint(t.Context(), "acme", id)
		if err != nil || e.Pending != events-3 || e.Delivered != 3 {
			t.Errorf("%+v, %v", e, err)
		}
	}
	inWriterNothingToMake(t, s)
}

func finish(t *testing.T, s *Store, claimed store.Claimed) {
	t.Helper()
	if _, err := s.Finish(t.Context(), "acme", claimed, apier.Attempt{StatusCode: 200}, store.Verdict{Status: apier.DeliveryDelivered}); err != nil {
		t.Fatal(err)
	}
}

func inWriterNothingToMake(t *testing.T, s *Store) {
	t.Helper()
	oneTransaction(t, s, func(b *batch) error {
		tenant, err := b.tenant("acme")
		if err != nil {
			return err
		}
		later, err := b.fansOut(tenant)
		if later {
			t.Error("there are deliveries to make")
		}
		return err
	})
}

// storedOnly leaves an append as a kill after its first commit does.
func storedOnly(t *testing.T, s *Store, events []apier.NewEvent) *appendOp {
	t.Helper()
	a := &appendOp{tenant: "acme"}
	if err := errors.Join(a.prepare(events), a.match(t.Context(), s.heavy, s.routes.get("acme"))); err != nil {
		t.Fatal(err)
	}
	oneTransaction(t, s, func(b *batch) error {
		if err := a.apply(b); !errors.Is(err, errMore) {
			t.Errorf("all was made at once: %v", err)
		}
		return nil
	})
	return a
}

// While its deliveries are not all made, an event is neither delivered nor in the inbox, whatever became of
// those that are; and after a stop they are made.
func TestFanOutGoesOnAfterAStop(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "apier.db")
	s := open(t, path, store.Options{})
	ids := endpoints(t, s, "acme", 6, apier.Endpoint{})
	a := storedOnly(t, s, counted(200))
	first := a.events[0]
	oneTransaction(t, s, func(b *batch) error { // some of them are made
		tenant, err := b.tenant("acme")
		if err != nil {
			return err
		}
		err = b.deliver("acme", tenant, first.Seq, &first, a.matched[0][0])
		return errors.Join(err, exec(b.conn, "UPDATE fanouts SET done = 1 WHERE event = ?", int64(first.Seq)))
	})
	claims, err := s.Claim(t.Context(), "acme", ids[0], 10, time.Minute)
	if err != nil || len(claims.Claimed) != 1 {
		t.Fatalf("claims %+v, %v", claims, err)
	}
	finish(t, s, claims.Claimed[0])
	if e, err := s.Event(t.Context(), "acme", first.ID); err != nil || e.Status != apier.StatusPending {
		t.Errorf("with one of six deliveries made the event is %s, %v", e.Status, err)
	}
	page, err := s.List(t.Context(), "acme", store.Filter{Status: apier.StatusPending, Inbox: true, Limit: 10})
	if err != nil || len(page.Events) != 0 {
		t.Errorf("in the inbox: %+v, %v", page.Events, err)
	}
	if _, err := s.Settle(t.Context(), "acme", a.events[1].ID, store.Outcome{Status: apier.StatusDelivered}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	made := make(chan struct{}, 2000)
	s = open(t, path, store.Options{Announce: func(commits []apier.Commit) {
		for _, c := range changesOf(commits) {
			if c.Kind == apier.DeliveryChanged {
				made <- struct{}{}
			}
		}
	}})
	defer func() { _ = s.Close() }()
	for range 5 + 198*6 { // one is made, and of one that was settled by hand none
		<-made
	}
	if found := deliveriesOf(t, s, first.ID); len(found) != 6 {
		t.Errorf("the first event has %d deliveries", len(found))
	}
	if found := deliveriesOf(t, s, a.events[1].ID); len(found) != 0 {
		t.Errorf("what was settled by hand has %d deliveries", len(found))
	}
	inWriterNothingToMake(t, s)
}

// Later events of the tenant wait behind; those of endpoints that went meanwhile need none.
func TestFanOutKeepsTheOrder(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	ids := endpoints(t, s, "acme", 11, apier.Endpoint{OrderKey: "key"})
	a := storedOnly(t, s, counted(100))
	receipts := appended(t, s, []apier.NewEvent{{Type: "a.b", Source: "shop", Payload: []byte(`{}`)}})
	page, err := s.ListDeliveries(t.Context(), "acme", store.DeliveryFilter{Endpoint: ids[3], PageOf: store.PageOf[apier.DeliveryID]{Limit: 200}})
	if err != nil || len(page.Deliveries) != 101 || page.Deliveries[0].EventID != receipts.Events[0].ID || page.Deliveries[100].EventID != a.events[0].ID {
		t.Errorf("%d deliveries, %v", len(page.Deliveries), err)
	}
	late := storedOnly(t, s, counted(100))
	for _, id := range ids {
		if err := s.DeleteEndpoint(t.Context(), "acme", id); err != nil {
			t.Fatal(err)
		}
	}
	for more := true; more; {
		oneTransaction(t, s, func(b *batch) error {
			tenant, err := b.tenant("acme")
			if err == nil {
				more, err = b.fanOut("acme", tenant, apier.Seq(b.place))
			}
			return err
		})
	}
	page2, err := s.List(t.Context(), "acme", store.Filter{Status: apier.StatusPending, Inbox: true, Limit: 1000})
	if err != nil || !slices.ContainsFunc(page2.Events, func(e apier.Event) bool { return e.ID == late.events[99].ID }) {
		t.Errorf("an event without endpoints waits in the inbox: %v", err)
	}
	inWriterNothingToMake(t, s)
}
