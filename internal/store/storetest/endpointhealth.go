package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func endpointHealthTests() map[string]func(*testing.T, Opener) {
	return map[string]func(*testing.T, Opener){
		"of 243 endpoints the oldest that fails comes first": testOldestFailing,
		"endpoints by id": testEndpointsByID,
		"a deleted endpoint is told from one that never was": testDeletedEndpoint,
	}
}

func (f *fixture) endpointAt(name string) apier.EndpointID {
	f.t.Helper()
	e := apier.Endpoint{URL: "https://" + name + ".example/hooks"}.WithDefaults()
	return must[apier.Endpoint](f.t)(f.CreateEndpoint(f.t.Context(), acme, e, []byte("s"))).ID
}

// attempt claims what is due of an endpoint and ends it by a verdict.
func (f *fixture) judge(endpoint apier.EndpointID, verdict store.Verdict) {
	f.t.Helper()
	claims := must[store.Claims](f.t)(f.Claim(f.t.Context(), acme, endpoint, 1, 0))
	if len(claims.Claimed) != 1 {
		f.t.Fatalf("%d are claimed, want 1", len(claims.Claimed))
	}
	attempt := apier.Attempt{ErrorKind: apier.ErrorHTTP5xx, ErrorMessage: "500"}
	must[apier.Delivery](f.t)(f.Finish(f.t.Context(), acme, claims.Claimed[0], attempt, verdict))
}

func testOldestFailing(t *testing.T, open Opener) {
	f := newFixture(t, open)
	oldest := f.endpointAt("oldest")
	second := f.endpointAt("second")
	f.add(newEvents(1)...)
	now := apier.TimestampOf(f.clock.now())
	for range apier.FailuresToFail {
		f.judge(oldest, store.Verdict{Status: apier.DeliveryPending, DueAt: now})
	}
	f.judge(second, store.Verdict{Status: apier.DeliveryPending, DueAt: now, HoldUntil: now + 60_000})
	for i := range 241 {
		f.endpointAt(fmt.Sprintf("e%d", i))
	}
	var all []apier.EndpointID
	page := store.PageOf[apier.EndpointID]{Limit: 100}
	for more := true; more; {
		found := must[store.HealthPage](t)(f.EndpointHealth(t.Context(), acme, page))
		if n := found.Counts; n[apier.HealthFailing] != (store.HealthCount{Endpoints: 1, Waiting: 1}) ||
			n[apier.HealthHolding] != (store.HealthCount{Endpoints: 1, Waiting: 1}) || n[apier.HealthIdle].Endpoints != 241 {
			t.Fatalf("counts are %+v", n)
		}
		for _, e := range found.Endpoints {
			all = append(all, e.ID)
		}
		more, page.StartingAfter = found.HasMore, all[len(all)-1]
	}
	if len(all) != 243 || all[0] != oldest || all[1] != second {
		t.Errorf("%d endpoints, first %s and %s; want 243, %s and %s", len(all), all[0], all[1], oldest, second)
	}
	slices.Sort(all)
	if len(slices.Compact(all)) != 243 {
		t.Error("an endpoint is on two pages")
	}
	d := must[store.DeliveryPage](t)(f.ListDeliveries(t.Context(), acme, store.DeliveryFilter{Endpoint: second}))
	if d.Deliveries[0].DueAt != now+60_000 {
		t.Errorf("a delivery of an endpoint on hold is due at %s, want %s", d.Deliveries[0].DueAt, now+60_000)
	}
}

func testEndpointsByID(t *testing.T, open Opener) {
	f := newFixture(t, open)
	a, b := f.endpointAt("a"), f.endpointAt("b")
	check(t, f.DeleteEndpoint(t.Context(), acme, a))
	found := must[store.EndpointPage](t)(f.EndpointsByID(t.Context(), acme, []string{string(a), string(b), "nonsense"}))
	if len(found.Endpoints) != 1 || found.Endpoints[0].ID != b {
		t.Errorf("found %+v", found.Endpoints)
	}
}

func testDeletedEndpoint(t *testing.T, open Opener) {
	f := newFixture(t, open)
	id := f.endpointAt("a")
	check(t, f.DeleteEndpoint(t.Context(), acme, id))
	_, err := f.Endpoint(t.Context(), acme, id)
	wantCode(t, err, apier.CodeNotFound)
	if apier.AsError(err).DeletedAt == 0 {
		t.Errorf("a deleted endpoint is %v", err)
	}
	_, err = f.Endpoint(t.Context(), acme, "ep_06d86tnnr1x3372y4yw09mvfm4")
	wantCode(t, err, apier.CodeNotFound)
	if apier.AsError(err).DeletedAt != 0 {
		t.Errorf("an endpoint that never was is %v", err)
	}
}
