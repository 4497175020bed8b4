package sqlite

import (
	"fmt"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func counted(n int) []apier.NewEvent {
	events := make([]apier.NewEvent, n)
	for i := range events {
		events[i] = apier.NewEvent{Type: "a.b", Source: "shop", Payload: fmt.Appendf(nil, `{"n":%d}`, i)}
	}
	return events
}

func appended(t *testing.T, s *Store, events []apier.NewEvent) store.Receipts {
	t.Helper()
	receipts, err := s.Append(t.Context(), "acme", events, nil)
	if err != nil {
		t.Fatal(err)
	}
	return receipts
}

func put(t *testing.T, s *Store, name, filter string) {
	t.Helper()
	if _, err := s.PutGroup(t.Context(), "acme", store.NewGroup{Name: name, Filter: []byte(filter), FromStart: true}); err != nil {
		t.Fatal(err)
	}
}

func leased(t *testing.T, s *Store, group string, limit int) (all []store.Leased) {
	t.Helper()
	r := store.LeaseRequest{Holder: store.Holder{Group: group, Subject: "worker"}, Limit: limit, For: time.Hour}
	for more := true; more; {
		leases, err := s.Lease(t.Context(), "acme", r)
		if err != nil {
			t.Fatal(err)
		}
		all, more = leases.Leased, leases.More
	}
	return all
}

// emptied takes from all payloads what filters look for, behind everybody's back.
func emptied(t *testing.T, s *Store) {
	t.Helper()
	inWriter(t, s, func(conn *sqlite.Conn) error { return exec(conn, "UPDATE events SET payload = x'7b7d'") })
}

// What a group wants is found out while the writer does something else, and not once more by the writer.
func TestGroupsAreMatchedBesideTheWriter(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	put(t, s, "billing", `{"payload.n":{"gte":3}}`)
	appended(t, s, counted(6))
	began, release := make(chan struct{}), make(chan struct{})
	stopped := make(chan error)
	go func() {
		stopped <- s.submit(t.Context(), "", 0, func(*batch) error { close(began); <-release; return nil })
	}()
	<-began
	found, err := s.lookAhead(t.Context(), "acme", "billing", 2)
	if err != nil || len(found.wanted) != 2 || found.end {
		t.Errorf("found %+v, %v", found, err)
	}
	if found, err = s.lookAhead(t.Context(), "acme", "billing", 10); err != nil || len(found.wanted) != 3 || !found.end {
		t.Errorf("then found %+v, %v", found, err)
	}
	close(release)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	emptied(t, s)
	if got := leased(t, s, "billing", 2); len(got) != 2 {
		t.Errorf("leased %+v", got)
	}
	if got := leased(t, s, "billing", 2); len(got) != 1 {
		t.Errorf("then leased %+v", got)
	}
	put(t, s, "billing", `{"payload.n":{"gte":4}}`)
	appended(t, s, counted(6))
	if got := leased(t, s, "billing", 10); len(got) != 2 {
		t.Errorf("with another filter leased %+v", got)
	}
}

// Whether every group has an event is found out beside the writer, and again if a group changes meanwhile.
func TestAcknowledgementsAreMatchedBesideTheWriter(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	put(t, s, "billing", "")
	put(t, s, "big", `{"payload.n":{"gte":1}}`)
	receipts := appended(t, s, counted(2))
	refs := []store.LeaseRef{}
	for _, l := range leased(t, s, "billing", 10) {
		refs = append(refs, store.LeaseRef{Event: l.Event.ID, ID: l.Lease.ID})
	}
	o := &acknowledgeOp{tenant: "acme", holder: store.Holder{Group: "billing", Subject: "worker"}, refs: refs}
	var err error
	if o.wishes, err = s.wishesFor(t.Context(), "acme", refs); err != nil {
		t.Fatal(err)
	}
	put(t, s, "big", `{"payload.n":{"gte":1},"source":"shop"}`)
	oneTransaction(t, s, func(b *batch) error {
		if err := o.apply(b); err != errStale { //nolint:errorlint // it is that very one
			t.Errorf("with a group that has changed: %v", err)
		}
		return nil
	})
	if o.wishes, err = s.wishesFor(t.Context(), "acme", refs); err != nil {
		t.Fatal(err)
	}
	emptied(t, s)
	oneTransaction(t, s, o.apply)
	for i, want := range []apier.Status{apier.StatusDelivered, apier.StatusPending} {
		if e, err := s.Event(t.Context(), "acme", receipts.Events[i].ID); err != nil || e.Status != want {
			t.Errorf("event %d is %s, %v; want %s", i, e.Status, err, want)
		}
	}
}

// Several consumers of a group with a filter get each event once.
func TestConsumersOfOneGroup(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	put(t, s, "billing", `{"payload.n":{"gte":500}}`)
	appended(t, s, counted(1000))
	taken := make(chan apier.EventID, 1000)
	done := make(chan error)
	for range 4 {
		go func() {
			r := store.LeaseRequest{Holder: store.Holder{Group: "billing", Subject: "worker"}, Limit: 7, For: time.Hour}
			for {
				leases, err := s.Lease(t.Context(), "acme", r)
				for _, l := range leases.Leased {
					taken <- l.Event.ID
				}
				if err != nil || len(leases.Leased) == 0 && !leases.More {
					done <- err
					return
				}
			}
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	close(taken)
	times := map[apier.EventID]int{}
	for id := range taken {
		times[id]++
	}
	for id, n := range times {
		if n != 1 {
			t.Errorf("%s was handed out %d times", id, n)
		}
	}
	if len(times) != 500 {
		t.Errorf("%d events were handed out", len(times))
	}
}
