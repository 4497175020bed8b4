package storetest

import (
	"strings"
	"testing"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func operationTests() map[string]func(*testing.T, Opener) {
	return map[string]func(*testing.T, Opener){
		"an operation acknowledges all that match, once, over restarts": testOperation,
		"an operation by ids":                          testOperationByIDs,
		"an operation stops":                           testOperationStops,
		"an operation of long events passes over none": testOperationOfLongEvents,
		"an operation leaves leases of others":         testOperationAndLeases,
		"of one selection there is one operation":      testOperationRefused,
		"operations are listed in pages":               testOperationPages,
		"an operation sees its own tenant's alone":     testOperationTenants,
	}
}

func acknowledge(s apier.OperationSelection) store.NewOperation {
	return store.NewOperation{Kind: apier.OperationAcknowledge, Selection: s, Subject: "ann"}
}

// finish advances an operation to its end and returns it.
func (f *fixture) finish(id apier.OperationID, limit int) apier.Operation {
	f.t.Helper()
	for {
		o := must[apier.Operation](f.t)(f.AdvanceOperation(f.t.Context(), acme, id, limit))
		if o.Status != apier.OperationRunning {
			return o
		}
	}
}

func testOperation(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ids := f.add(newEvents(20)...)
	f.deliver(ids[3])
	f.fail(ids[4], "x")
	all := acknowledge(apier.OperationSelection{Types: []string{"*"}})
	if n := must[int64](t)(f.CountOperable(t.Context(), acme, all)); n != 19 {
		t.Errorf("%d are counted, want 19: one was delivered before", n)
	}
	o := must[apier.Operation](t)(f.CreateOperation(t.Context(), acme, all))
	late := f.add(newEvents(1)...)
	for range 12 { // one each: a slice may end by the clock
		o = must[apier.Operation](t)(f.AdvanceOperation(t.Context(), acme, o.ID, 1))
	}
	if o.Done != 12 || o.Status != apier.OperationRunning {
		t.Fatalf("after twelve slices: %+v", o)
	}
	f.reopen()
	running := must[[]store.OperationRef](t)(f.RunningOperations(t.Context()))
	if len(running) != 1 || running[0].ID != o.ID || running[0].Tenant != acme {
		t.Fatalf("after a restart %+v are running", running)
	}
	attempts := must[apier.Event](t)(f.Event(t.Context(), acme, ids[3])).DeliveryAttempts
	if o = f.finish(o.ID, 100); o.Done != 19 || o.Skipped != 0 || o.Total != 19 || o.Status != apier.OperationDone {
		t.Errorf("at the end: %+v", o)
	}
	for _, id := range ids {
		e := must[apier.Event](t)(f.Event(t.Context(), acme, id))
		if e.Status != apier.StatusDelivered || id == ids[3] && e.DeliveryAttempts != attempts {
			t.Errorf("an event is %+v", e)
		}
	}
	if e := must[apier.Event](t)(f.Event(t.Context(), acme, late[0])); e.Status != apier.StatusPending {
		t.Errorf("an event that came later is %s", e.Status)
	}
}

func testOperationByIDs(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ids := f.add(newEvents(5)...)
	o := must[apier.Operation](t)(f.CreateOperation(t.Context(), acme, acknowledge(apier.OperationSelection{IDs: append(ids[:3:3], "evt_none")})))
	check(t, f.Delete(t.Context(), acme, ids[0]))
	if o = f.finish(o.ID, 2); o.Total != 3 || o.Done != 2 {
		t.Errorf("at the end: %+v", o)
	}
	if left := f.list(store.Filter{Status: apier.StatusPending}).Events; len(left) != 2 {
		t.Errorf("%d are pending, want 2", len(left))
	}
}

// testOperationOfLongEvents: of long events one slice takes fewer than it has found. None of the others is passed over.
func testOperationOfLongEvents(t *testing.T, open Opener) {
	const n = 40
	f := newFixture(t, open)
	var ids []apier.EventID
	for range n {
		e := newEvent("a", "s")
		e.Payload = []byte(`{"x":"` + strings.Repeat("x", 200<<10) + `"}`)
		ids = append(ids, f.add(e)...)
	}
	for _, selection := range []apier.OperationSelection{{IDs: ids[:n/2]}, {Status: apier.StatusPending}} {
		o := must[apier.Operation](t)(f.CreateOperation(t.Context(), acme, acknowledge(selection)))
		if o = f.finish(o.ID, 100); o.Skipped != 0 || o.Done != n/2 || o.Total != n/2 {
			t.Errorf("%d done, %d passed over, of %d", o.Done, o.Skipped, o.Total)
		}
	}
}

func testOperationStops(t *testing.T, open Opener) {
	f := newFixture(t, open)
	f.add(newEvents(10)...)
	o := must[apier.Operation](t)(f.CreateOperation(t.Context(), acme, acknowledge(apier.OperationSelection{Status: apier.StatusPending})))
	must[apier.Operation](t)(f.AdvanceOperation(t.Context(), acme, o.ID, 4))
	stopped := must[apier.Operation](t)(f.StopOperation(t.Context(), acme, o.ID))
	again := must[apier.Operation](t)(f.AdvanceOperation(t.Context(), acme, o.ID, 4))
	done := again.Done // 4, or fewer where the slice ended by the clock
	if stopped.Status != apier.OperationStopped || done < 1 || done > 4 || again.Skipped != 0 || again.Status != apier.OperationStopped {
		t.Errorf("stopped: %+v, then %+v", stopped, again)
	}
	if left := must[store.Summary](t)(f.Summary(t.Context(), acme)).Pending; left != 10-done {
		t.Errorf("%d are pending, want %d", left, 10-done)
	}
}

func testOperationAndLeases(t *testing.T, open Opener) {
	f := newFixture(t, open)
	f.add(newEvents(3)...)
	request := store.LeaseRequest{Holder: store.Holder{Subject: "bob"}, Limit: 1, For: 60_000_000_000}
	must[store.Leases](t)(f.Lease(t.Context(), acme, request))
	o := must[apier.Operation](t)(f.CreateOperation(t.Context(), acme, acknowledge(apier.OperationSelection{Types: []string{"*"}})))
	if o = f.finish(o.ID, 100); o.Done != 2 || o.Skipped != 1 {
		t.Errorf("with one leased to another: %+v", o)
	}
}

func testOperationRefused(t *testing.T, open Opener) {
	f := newTunedFixture(t, open, func(o *store.Options) { o.MaxOperations = 2 })
	f.add(newEvents(2)...)
	begin := func(source string) (apier.Operation, error) {
		return f.CreateOperation(t.Context(), acme, acknowledge(apier.OperationSelection{Source: source}))
	}
	first := must[apier.Operation](t)(begin("a"))
	_, err := begin("a")
	wantCode(t, err, apier.CodeConflict)
	must[apier.Operation](t)(begin("b"))
	_, err = begin("c")
	wantCode(t, err, apier.CodeConflict)
	must[apier.Operation](t)(f.StopOperation(t.Context(), acme, first.ID))
	must[apier.Operation](t)(begin("a"))
}

func testOperationPages(t *testing.T, open Opener) {
	f := newTunedFixture(t, open, func(o *store.Options) { o.MaxOperations = 10 })
	for _, source := range []string{"a", "b", "c"} {
		must[apier.Operation](t)(f.CreateOperation(t.Context(), acme, acknowledge(apier.OperationSelection{Source: source})))
	}
	first := must[store.OperationPage](t)(f.ListOperations(t.Context(), acme, store.PageOf[apier.OperationID]{Limit: 2}))
	if len(first.Operations) != 2 || !first.HasMore || first.Operations[0].Selection.Source != "c" {
		t.Fatalf("the first page is %+v", first)
	}
	next := store.PageOf[apier.OperationID]{Limit: 2, StartingAfter: first.Operations[1].ID}
	second := must[store.OperationPage](t)(f.ListOperations(t.Context(), acme, next))
	if len(second.Operations) != 1 || second.HasMore || second.Operations[0].Selection.Source != "a" {
		t.Errorf("the second page is %+v", second)
	}
}

func testOperationTenants(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ids := f.add(newEvents(2)...)
	o := must[apier.Operation](t)(f.CreateOperation(t.Context(), other, acknowledge(apier.OperationSelection{IDs: ids})))
	if o.Total != 0 {
		t.Errorf("another tenant's operation counts %d", o.Total)
	}
	_, err := f.Operation(t.Context(), acme, o.ID)
	wantCode(t, err, apier.CodeNotFound)
	_, err = f.StopOperation(t.Context(), acme, o.ID)
	wantCode(t, err, apier.CodeNotFound)
}
