package sqlite

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// oneTransaction applies operations together, as the writer does with what is queued.
func oneTransaction(t *testing.T, s *Store, ops ...func(*batch) error) {
	t.Helper()
	if err := s.submit(t.Context(), "", 0, func(b *batch) error {
		for _, apply := range ops {
			if err := apply(b); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func appending(t *testing.T, s *Store, typ string) (*appendOp, func(*batch) error) {
	t.Helper()
	a := &appendOp{tenant: "acme"}
	if err := a.prepare([]apier.NewEvent{{Type: typ, Source: "shop", Payload: []byte(`{}`)}}); err != nil {
		t.Fatal(err)
	}
	if err := a.match(t.Context(), s.heavy, s.routes.get(a.tenant)); err != nil { // beside the writer, before the transaction
		t.Fatal(err)
	}
	return a, a.apply
}

func deliveriesOf(t *testing.T, s *Store, event apier.EventID) []apier.Delivery {
	t.Helper()
	page, err := s.ListDeliveries(t.Context(), "acme", store.DeliveryFilter{Event: event, PageOf: store.PageOf[apier.DeliveryID]{Limit: 10}})
	if err != nil {
		t.Fatal(err)
	}
	return page.Deliveries
}

// What changes an endpoint holds for what is appended behind it in the same transaction, and ever after.
func TestRoutesWithinOneTransaction(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	e, err := s.CreateEndpoint(t.Context(), "acme", apier.Endpoint{URL: "https://shop.example", Types: []string{"a.*"}}, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	_, first := appending(t, s, "a.b")
	oneTransaction(t, s, first)
	claims, err := s.Claim(t.Context(), "acme", e.ID, 1, time.Minute)
	if err != nil || len(claims.Claimed) != 1 {
		t.Fatalf("claims %+v, %v", claims, err)
	}
	finish := &finishOp{
		tenant: "acme", claimed: claims.Claimed[0], attempt: apier.Attempt{ErrorKind: apier.ErrorHTTP4xx},
		verdict: store.Verdict{Status: apier.DeliveryFailed, DisableReason: "410"},
	}
	behind, add := appending(t, s, "a.b")
	oneTransaction(t, s, finish.apply, func(b *batch) error {
		if err := add(b); !errors.Is(err, errStale) {
			t.Errorf("matched before the endpoint was disabled in the same transaction: %v", err)
		}
		return nil
	})
	if err := s.append(t.Context(), behind); err != nil {
		t.Fatal(err)
	}
	later, addLater := appending(t, s, "a.b")
	oneTransaction(t, s, addLater)
	for _, a := range []*appendOp{behind, later} {
		if found := deliveriesOf(t, s, a.events[0].ID); len(found) != 0 {
			t.Errorf("a disabled endpoint gets %+v", found)
		}
	}
	if _, err := s.UpdateEndpoint(t.Context(), "acme", e.ID, func(e *apier.Endpoint) error {
		e.Status, e.Types = apier.EndpointActive, []string{"b.*"}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	other, addOther := appending(t, s, "b.c")
	oneTransaction(t, s, addOther)
	if found := deliveriesOf(t, s, other.events[0].ID); len(found) != 1 {
		t.Errorf("with the types changed it gets %+v", found)
	}
}

// A number outlives its endpoint in the deliveries: no other may get it.
func TestEndpointNumbersAreNotReused(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	gone, err := s.CreateEndpoint(t.Context(), "acme", apier.Endpoint{URL: "https://shop.example"}, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	a, add := appending(t, s, "a.b")
	oneTransaction(t, s, add)
	if err := s.DeleteEndpoint(t.Context(), "acme", gone.ID); err != nil {
		t.Fatal(err)
	}
	next, err := s.CreateEndpoint(t.Context(), "acme", apier.Endpoint{URL: "https://shop.example"}, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := s.ListDeliveries(t.Context(), "acme", store.DeliveryFilter{Endpoint: next.ID})
	if err != nil || len(page.Deliveries) != 0 {
		t.Errorf("the next endpoint has the deliveries of the one before: %+v, %v", page.Deliveries, err)
	}
	if found := deliveriesOf(t, s, a.events[0].ID); len(found) != 1 || found[0].EndpointID != gone.ID {
		t.Errorf("the history is %+v", found)
	}
}

// What one tenant does to its endpoints does not make what another appends stale.
func TestRoutesAreOfOneTenant(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	_, add := appending(t, s, "a.b")
	if _, err := s.CreateEndpoint(t.Context(), "globex", apier.Endpoint{URL: "https://globex.example"}, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	oneTransaction(t, s, add)
	_, add = appending(t, s, "a.b")
	e, err := s.CreateEndpoint(t.Context(), "acme", apier.Endpoint{URL: "https://shop.example"}, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.submit(t.Context(), "", 0, add); !errors.Is(err, errStale) {
		t.Errorf("matched before the tenant's own endpoint was made: %v", err)
	}
	before := s.routes.get("acme").version
	for range 3 { // an endpoint whose routes stay as they are
		if _, err := s.UpdateEndpoint(t.Context(), "acme", e.ID, func(e *apier.Endpoint) error {
			e.Status = apier.EndpointDisabled
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if after := s.routes.get("acme").version; after != before+1 {
		t.Errorf("the version went from %d to %d: disabled once, then nothing changed", before, after)
	}
}

// An append that is always too late keeps those who change endpoints waiting, and comes to an end.
func TestAppendEndsWhileRoutesChange(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	e, err := s.CreateEndpoint(t.Context(), "acme", apier.Endpoint{URL: "https://shop.example"}, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	changed := make(chan error)
	go func() {
		for n := 0; ; n++ {
			_, err := s.UpdateEndpoint(ctx, "acme", e.ID, func(e *apier.Endpoint) error {
				e.Types = []string{"a.*", fmt.Sprint("b.", n)}
				return nil
			})
			if err != nil {
				changed <- err
				return
			}
		}
	}()
	for range 50 {
		receipts, err := s.Append(t.Context(), "acme", []apier.NewEvent{{Type: "a.b", Source: "shop", Payload: []byte(`{}`)}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if found := deliveriesOf(t, s, receipts.Events[0].ID); len(found) != 1 {
			t.Errorf("deliveries: %+v", found)
		}
	}
	cancel()
	if err := <-changed; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Matching is the caller's work, and ends when the caller leaves.
func TestMatchingEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	if _, err := s.CreateEndpoint(t.Context(), "acme", apier.Endpoint{URL: "https://shop.example"}, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	events := []apier.NewEvent{{Type: "a.b", Source: "shop", Payload: []byte(`{}`)}}
	if _, err := s.Recipients(ctx, "acme", events); !errors.Is(err, context.Canceled) {
		t.Errorf("a dry run: %v", err)
	}
	a, _ := appending(t, s, "a.b")
	if err := a.match(ctx, s.heavy, s.routes.get("acme")); !errors.Is(err, context.Canceled) {
		t.Errorf("an append: %v", err)
	}
}
