package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func deliveryTests() map[string]func(*testing.T, Opener) {
	return map[string]func(*testing.T, Opener){
		"an event goes to the endpoints that it matches":            testRouting,
		"an attempt moves delivery, event and endpoint together":    testFinish,
		"a lease that was lost cannot finish":                       testFence,
		"a lease that ran out is claimed again":                     testLeaseExpires,
		"claims of who is gone are given back at the start":         testReclaim,
		"an event is delivered when all endpoints have it":          testAllHaveIt,
		"an order key goes one after the other":                     testOrder,
		"a paused endpoint keeps, a disabled one gets nothing":      testPaused,
		"behind a breaker one attempt feels its way":                testHold,
		"a disabled endpoint is told of by an event":                testDisable,
		"answers that came together disable it once":                testDisableOnce,
		"an attempt at a former address says nothing of the new":    testFormerAddress,
		"a deleted endpoint cancels what was open":                  testDeleteEndpoint,
		"an acknowledged or deleted event cancels what was open":    testCancel,
		"a retry begins anew":                                       testRetry,
		"what was tried and waits is counted":                       testPendingRetries,
		"recoveries retry and replay, with a count and a stop":      testRecoveries,
		"a replay goes on as it began when its source is deleted":   testReplayOfAGoneSource,
		"what was erased is not sent again":                         testErasedIsNotSent,
		"endpoints are bounded":                                     testMaxEndpoints,
		"secrets sign together for their time":                      testSecrets,
		"changes tell of deliveries to who asks":                    testDeliveryChanges,
		"deliveries and endpoints of other tenants are not found":   testDeliveryTenants,
		"endpoints and deliveries are listed newest first, by page": testDeliveryPages,
		"all of it survives a reopening":                            testDeliveriesSurvive,
	}
}

// hooks is a fixture with endpoints.
type hooks struct{ *fixture }

func newHooks(t *testing.T, open Opener) hooks { return hooks{newFixture(t, open)} }

func (h hooks) endpoint(change func(*apier.Endpoint)) apier.Endpoint {
	h.t.Helper()
	e := apier.Endpoint{URL: "https://shop.example/hooks", RetryScheduleMS: []int64{0, 1000}}
	if change != nil {
		change(&e)
	}
	return must[apier.Endpoint](h.t)(h.CreateEndpoint(h.t.Context(), acme, e, []byte("secret")))
}

// event adds one, and checks that it goes to those whom the store named before.
func (h hooks) event(typ, payload string) apier.EventID {
	h.t.Helper()
	e := apier.NewEvent{Type: typ, Source: "shop", Payload: json.RawMessage(payload)}
	named := must[[][]apier.EndpointID](h.t)(h.Recipients(h.t.Context(), acme, []apier.NewEvent{e}))[0]
	id := h.add(e)[0]
	var got []apier.EndpointID
	for _, d := range slices.Backward(h.of(store.DeliveryFilter{Event: id})) { // which are newest first
		got = append(got, d.EndpointID)
	}
	if !slices.Equal(got, named) {
		h.t.Errorf("%s goes to %v, and was to go to %v", id, got, named)
	}
	return id
}

func (h hooks) claim(e apier.Endpoint, limit int) store.Claims {
	h.t.Helper()
	return must[store.Claims](h.t)(h.Claim(h.t.Context(), acme, e.ID, limit, 45*time.Second)) // and 15 s for the attempt
}

func (h hooks) claimOne(e apier.Endpoint) store.Claimed {
	h.t.Helper()
	claims := h.claim(e, 1)
	if len(claims.Claimed) != 1 {
		h.t.Fatalf("claims are %+v", claims)
	}
	return claims.Claimed[0]
}

func (h hooks) now() apier.Timestamp { return apier.TimestampOf(h.clock.now()) }

func (h hooks) succeed(c store.Claimed) apier.Delivery {
	h.t.Helper()
	return must[apier.Delivery](h.t)(h.Finish(h.t.Context(), acme, c,
		apier.Attempt{StartedAt: h.now(), StatusCode: 204, ResponseBody: []byte("thanks")}, store.Verdict{Status: apier.DeliveryDelivered}))
}

func (h hooks) refuse(c store.Claimed, verdict store.Verdict) apier.Delivery {
	h.t.Helper()
	return must[apier.Delivery](h.t)(h.Finish(h.t.Context(), acme, c,
		apier.Attempt{StartedAt: h.now(), StatusCode: 503, ErrorKind: apier.ErrorHTTP5xx, ErrorMessage: "503"}, verdict))
}

func (h hooks) later(d time.Duration) store.Verdict {
	return store.Verdict{Status: apier.DeliveryPending, DueAt: h.now() + apier.Timestamp(d.Milliseconds())}
}

var giveUp = store.Verdict{Status: apier.DeliveryFailed} //nolint:gochecknoglobals // a constant

func (h hooks) get(id apier.EventID) apier.Event {
	h.t.Helper()
	return must[apier.Event](h.t)(h.Event(h.t.Context(), acme, id))
}

func (h hooks) look(e apier.Endpoint) apier.Endpoint {
	h.t.Helper()
	return must[apier.Endpoint](h.t)(h.Endpoint(h.t.Context(), acme, e.ID))
}

func (h hooks) of(filter store.DeliveryFilter) []apier.Delivery {
	h.t.Helper()
	filter.Limit = 100
	return must[store.DeliveryPage](h.t)(h.ListDeliveries(h.t.Context(), acme, filter)).Deliveries
}

func (h hooks) inbox() []apier.EventID {
	return idsOf(h.list(store.Filter{Status: apier.StatusPending, Inbox: true}).Events)
}

func testRouting(t *testing.T, open Opener) {
	h := newHooks(t, open)
	orders := h.endpoint(func(e *apier.Endpoint) { e.Types = []string{"order.*"} })
	large := h.endpoint(func(e *apier.Endpoint) { e.Filter = json.RawMessage(`{"payload.amount":{"gte":100}}`) })
	small, big, user := h.event("order.created", `{"amount":5}`), h.event("order.created", `{"amount":500}`), h.event("user.created", `{}`)
	for id, want := range map[apier.EventID][]apier.EndpointID{small: {orders.ID}, big: {large.ID, orders.ID}, user: nil} {
		var got []apier.EndpointID
		for _, d := range h.of(store.DeliveryFilter{Event: id}) {
			got = append(got, d.EndpointID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s goes to %v, want %v", id, got, want)
		}
	}
	if got := h.inbox(); !slices.Equal(got, []apier.EventID{user}) {
		t.Errorf("the inbox holds %v, want what no endpoint takes: %s", got, user)
	}
	if n := len(h.list(store.Filter{Status: apier.StatusPending}).Events); n != 3 {
		t.Errorf("%d are pending, want all 3", n)
	}
	if e := h.look(orders); e.Pending != 2 {
		t.Errorf("the endpoint counts %+v", e)
	}
}

func testFinish(t *testing.T, open Opener) {
	h := newHooks(t, open)
	e := h.endpoint(nil)
	id := h.event("a.b", `{"n":1}`)
	c := h.claimOne(e)
	if string(c.Event.Payload) != `{"n":1}` || c.Delivery.LeasedUntil != h.now()+60_000 {
		t.Errorf("claimed %+v", c)
	}
	if claims := h.claim(e, 10); len(claims.Claimed) != 0 || claims.NextDue != h.now()+60_000 {
		t.Errorf("claimed twice: %+v", claims)
	}
	d := h.refuse(c, h.later(time.Second))
	event, endpoint := h.get(id), h.look(e)
	if d.Status != apier.DeliveryPending || d.Attempts != 1 || d.DueAt != h.now()+1000 || d.LeasedUntil != 0 ||
		event.Status != apier.StatusPending || event.DeliveryAttempts != 1 || event.ErrorMessage != "503" ||
		endpoint.ConsecutiveFailures != 1 || endpoint.FailingSince != h.now() || endpoint.Pending != 1 || endpoint.LastError != "503" {
		t.Errorf("after a failure:\n%+v\n%+v\n%+v", d, event, endpoint)
	}
	if n := len(h.claim(e, 1).Claimed); n != 0 {
		t.Error("claimed before it is due")
	}
	h.clock.advance(3 * time.Second)
	c = h.claimOne(e)
	if c.DueAt != d.DueAt {
		t.Errorf("claimed what is due since %s, want %s", c.DueAt, d.DueAt)
	}
	d = h.succeed(c)
	event, endpoint = h.get(id), h.look(e)
	if d.Status != apier.DeliveryDelivered || d.Attempts != 2 || d.DueAt != 0 || d.ErrorKind != "" ||
		event.Status != apier.StatusDelivered || event.DeliveryAttempts != 2 || event.DeliveryLatencyMS != 3000 || event.ErrorMessage != "" ||
		endpoint.ConsecutiveFailures != 0 || endpoint.FailingSince != 0 || endpoint.Pending != 0 || endpoint.Delivered != 1 || endpoint.LastSuccessAt != h.now() {
		t.Errorf("after a success:\n%+v\n%+v\n%+v", d, event, endpoint)
	}
	attempts := must[[]apier.Attempt](t)(h.Attempts(t.Context(), acme, d.ID))
	if len(attempts) != 2 || attempts[0].Number != 1 || attempts[0].NextAttemptAt == 0 || attempts[1].StatusCode != 204 ||
		string(attempts[1].ResponseBody) != "thanks" || attempts[1].NextAttemptAt != 0 {
		t.Errorf("attempts are %+v", attempts)
	}
	if s := must[store.Summary](t)(h.Summary(t.Context(), acme)); s.Delivered != 1 || s.Pending != 0 {
		t.Errorf("summary is %+v", s)
	}
}

func testFence(t *testing.T, open Opener) {
	h := newHooks(t, open)
	e := h.endpoint(nil)
	h.event("a.b", `{}`)
	slow := h.claimOne(e)
	h.clock.advance(time.Minute)
	fast := h.claimOne(e)
	_, err := h.Finish(t.Context(), acme, slow, apier.Attempt{StatusCode: 200}, store.Verdict{Status: apier.DeliveryDelivered})
	wantCode(t, err, apier.CodeConflict)
	check(t, h.Release(t.Context(), acme, slow, h.now())) // harmless
	h.refuse(fast, giveUp)
	_, err = h.Finish(t.Context(), acme, fast, apier.Attempt{StatusCode: 200}, store.Verdict{Status: apier.DeliveryDelivered})
	wantCode(t, err, apier.CodeConflict)
	if d := h.of(store.DeliveryFilter{Endpoint: e.ID})[0]; d.Status != apier.DeliveryFailed || d.Attempts != 1 {
		t.Errorf("delivery is %+v", d)
	}
}

func testLeaseExpires(t *testing.T, open Opener) {
	h := newHooks(t, open)
	e := h.endpoint(nil)
	h.event("a.b", `{}`)
	first := h.claimOne(e)
	lanes := must[[]store.Lane](t)(h.Lanes(t.Context()))
	if len(lanes) != 1 || lanes[0].DueAt != first.Delivery.LeasedUntil {
		t.Errorf("lanes are %+v", lanes)
	}
	h.clock.advance(time.Minute)
	if again := h.claimOne(e); again.Fence == first.Fence || again.Delivery.ID != first.Delivery.ID {
		t.Errorf("claimed %+v, then %+v", first, again)
	}
	third := h.event("a.b", `{}`)
	c := h.claimOne(e)
	check(t, h.Release(t.Context(), acme, c, h.now()+5000))
	if claims := h.claim(e, 10); len(claims.Claimed) != 0 || claims.NextDue != h.now()+5000 {
		t.Errorf("released %s, then %+v", third, claims)
	}
}

func testReclaim(t *testing.T, open Opener) {
	h := newHooks(t, open)
	of := func(typ string) func(*apier.Endpoint) { return func(e *apier.Endpoint) { e.Types = []string{typ} } }
	e, paused := h.endpoint(of("a")), h.endpoint(of("b"))
	for range 3 {
		h.event("a", `{}`)
	}
	h.event("b", `{}`)
	held := append(h.claim(e, 2).Claimed, h.claimOne(paused))
	must[apier.Endpoint](t)(h.UpdateEndpoint(t.Context(), acme, paused.ID, func(e *apier.Endpoint) error { e.Status = apier.EndpointPaused; return nil }))
	later := h.refuse(h.claimOne(e), h.later(time.Second)) // one that waits for its next attempt goes on waiting
	if n := must[int](t)(h.Reclaim(t.Context())); n != len(held) {
		t.Errorf("%d of %d are given back", n, len(held))
	}
	for _, c := range held {
		_, err := h.Finish(t.Context(), acme, c, apier.Attempt{StatusCode: 200}, store.Verdict{Status: apier.DeliveryDelivered})
		wantCode(t, err, apier.CodeConflict)
	}
	again := h.claim(e, 10)
	if len(again.Claimed) != 2 || again.Claimed[0].Fence == held[0].Fence || again.NextDue != later.DueAt {
		t.Errorf("claimed %+v", again)
	}
	must[apier.Endpoint](t)(h.UpdateEndpoint(t.Context(), acme, paused.ID, func(e *apier.Endpoint) error { e.Status = apier.EndpointActive; return nil }))
	h.claimOne(paused)
	h.clock.advance(time.Hour)
	if n := must[int](t)(h.Reclaim(t.Context())); n != 0 {
		t.Errorf("%d leases that ran out are given back", n)
	}
}

func testAllHaveIt(t *testing.T, open Opener) {
	h := newHooks(t, open)
	a, b := h.endpoint(nil), h.endpoint(nil)
	id := h.event("a.b", `{}`)
	h.succeed(h.claimOne(a))
	if s := h.get(id).Status; s != apier.StatusPending {
		t.Errorf("one of two has it: %s", s)
	}
	h.refuse(h.claimOne(b), giveUp)
	if event := h.get(id); event.Status != apier.StatusFailed || event.ErrorMessage != "503" {
		t.Errorf("one gave up: %+v", event)
	}
	retried := must[apier.Delivery](t)(h.Retry(t.Context(), acme, h.of(store.DeliveryFilter{Endpoint: b.ID})[0].ID))
	if event := h.get(id); event.Status != apier.StatusPending || retried.Tries != 0 || retried.Attempts != 1 {
		t.Errorf("retried: %+v %+v", event, retried)
	}
	h.succeed(h.claimOne(b))
	if s := h.get(id).Status; s != apier.StatusDelivered {
		t.Errorf("both have it: %s", s)
	}
	if got := h.inbox(); len(got) != 0 {
		t.Errorf("the inbox holds %v", got)
	}
}

func testOrder(t *testing.T, open Opener) {
	h := newHooks(t, open)
	e := h.endpoint(func(e *apier.Endpoint) { e.OrderKey = "customer.id" })
	first := h.event("a.b", `{"customer":{"id":7}}`)
	second := h.event("a.b", `{"customer":{"id":7}}`)
	other := h.event("a.b", `{"customer":{"id":8}}`)
	none := h.event("a.b", `{}`)
	claims := h.claim(e, 10)
	ids := []apier.EventID{}
	for _, c := range claims.Claimed {
		ids = append(ids, c.Event.ID)
	}
	if !slices.Equal(ids, []apier.EventID{first, other, none}) {
		t.Fatalf("claimed %v, want %v", ids, []apier.EventID{first, other, none})
	}
	if d := h.of(store.DeliveryFilter{Event: second})[0]; d.BlockedBy != first || d.DueAt != 0 {
		t.Errorf("the second is %+v", d)
	}
	h.refuse(claims.Claimed[0], h.later(time.Hour))
	if n := len(h.claim(e, 10).Claimed); n != 0 {
		t.Error("a failing one lets others of its key pass")
	}
	h.clock.advance(time.Hour)
	for _, want := range []apier.EventID{first, second} {
		var mine []store.Claimed
		for _, c := range h.claim(e, 10).Claimed { // the leases of the others ran out meanwhile
			if c.Delivery.OrderKey == "7" {
				mine = append(mine, c)
			}
		}
		if len(mine) != 1 || mine[0].Event.ID != want {
			t.Fatalf("claimed %+v, want %s alone", mine, want)
		}
		h.succeed(mine[0])
	}
}

func testPaused(t *testing.T, open Opener) {
	h := newHooks(t, open)
	e := h.endpoint(nil)
	set := func(status apier.EndpointStatus) {
		must[apier.Endpoint](t)(h.UpdateEndpoint(t.Context(), acme, e.ID, func(e *apier.Endpoint) error { e.Status = status; return nil }))
	}
	set(apier.EndpointPaused)
	h.event("a.b", `{}`)
	if claims := h.claim(e, 10); len(claims.Claimed) != 0 || claims.NextDue != 0 {
		t.Errorf("paused: %+v", claims)
	}
	set(apier.EndpointActive)
	h.succeed(h.claimOne(e))
	set(apier.EndpointDisabled)
	id := h.event("a.b", `{}`)
	if got := h.inbox(); !slices.Equal(got, []apier.EventID{id}) {
		t.Errorf("disabled: the inbox holds %v", got)
	}
}

func testHold(t *testing.T, open Opener) {
	h := newHooks(t, open)
	e := h.endpoint(nil)
	for range 3 {
		h.event("a.b", `{}`)
	}
	verdict := h.later(0)
	verdict.HoldUntil = h.now() + 5000
	first, second := h.claimOne(e), h.claimOne(e)
	h.refuse(first, verdict)
	verdict.HoldUntil -= 4000
	h.refuse(second, verdict) // begun before the breaker opened: it does not shorten the hold
	if claims := h.claim(e, 10); len(claims.Claimed) != 0 || claims.NextDue != h.now()+5000 {
		t.Errorf("on hold: %+v", claims)
	}
	h.clock.advance(5 * time.Second)
	probe := h.claim(e, 10)
	if len(probe.Claimed) != 1 || len(h.claim(e, 10).Claimed) != 0 {
		t.Fatalf("the probe is %+v", probe)
	}
	h.succeed(probe.Claimed[0])
	if n := len(h.claim(e, 10).Claimed); n != 2 || h.look(e).HoldUntil != 0 {
		t.Errorf("after the probe %d are claimed", n)
	}
}

func testDisable(t *testing.T, open Opener) {
	h := newHooks(t, open)
	e := h.endpoint(nil)
	watcher := h.endpoint(func(e *apier.Endpoint) { e.Types = []string{"system.*"} })
	h.event("a.b", `{}`)
	verdict := giveUp
	verdict.DisableReason = "It answered 410 Gone"
	h.refuse(h.claimOne(e), verdict)
	if got := h.look(e); got.Status != apier.EndpointDisabled || got.DisabledReason != "It answered 410 Gone" {
		t.Errorf("endpoint is %+v", got)
	}
	c := h.claimOne(watcher)
	if c.Event.Type != "system.endpoint_disabled" || !strings.Contains(string(c.Event.Payload), string(e.ID)) {
		t.Errorf("told of by %+v", c.Event)
	}
}

// Attempts that were under way at once may all be told to stop: the endpoint is disabled once, and one event tells of it.
func testDisableOnce(t *testing.T, open Opener) {
	h := newHooks(t, open)
	e := h.endpoint(nil)
	for range 5 {
		h.event("a.b", `{}`)
	}
	verdict := giveUp
	for i, c := range h.claim(e, 5).Claimed {
		verdict.DisableReason = fmt.Sprintf("answer %d", i)
		h.refuse(c, verdict)
	}
	page := must[store.Page](t)(h.List(t.Context(), acme, store.Filter{Types: []string{"system.*"}, Limit: 10}))
	if len(page.Events) != 1 || h.look(e).DisabledReason != "answer 0" || h.look(e).Failed != 5 {
		t.Errorf("%d events tell of %+v", len(page.Events), h.look(e))
	}
	must[apier.Endpoint](t)(h.UpdateEndpoint(t.Context(), acme, e.ID, func(e *apier.Endpoint) error { e.Status = apier.EndpointActive; return nil }))
	h.event("a.b", `{}`)
	h.refuse(h.claimOne(e), verdict)
	page = must[store.Page](t)(h.List(t.Context(), acme, store.Filter{Types: []string{"system.*"}, Limit: 10}))
	if len(page.Events) != 2 {
		t.Errorf("disabled again, %d events tell of it", len(page.Events))
	}
}

func testFormerAddress(t *testing.T, open Opener) {
	h := newHooks(t, open)
	e := h.endpoint(nil)
	h.event("a.b", `{}`)
	c := h.claimOne(e)
	must[apier.Endpoint](t)(h.UpdateEndpoint(t.Context(), acme, e.ID, func(e *apier.Endpoint) error { e.URL = "https://new.example/hooks"; return nil }))
	verdict := giveUp
	verdict.URL, verdict.HoldUntil, verdict.DisableReason = e.URL, h.now()+60_000, "It answered 410 Gone"
	if d := h.refuse(c, verdict); d.Status != apier.DeliveryPending || d.DueAt != h.now() || d.Attempts != 1 || d.Tries != 0 {
		t.Errorf("the delivery is %+v", d)
	}
	if got := h.look(e); got.Status != apier.EndpointActive || got.HoldUntil != 0 || got.ConsecutiveFailures != 0 {
		t.Errorf("the endpoint is %+v", got)
	}
	c = h.claimOne(e)
	must[apier.Endpoint](t)(h.UpdateEndpoint(t.Context(), acme, e.ID, func(e *apier.Endpoint) error { e.URL = "https://newer.example/hooks"; return nil }))
	d := must[apier.Delivery](t)(h.Finish(t.Context(), acme, c, apier.Attempt{StatusCode: 204},
		store.Verdict{Status: apier.DeliveryDelivered, DisableReason: "It wants no more", URL: "https://new.example/hooks"}))
	if got := h.look(e); d.Status != apier.DeliveryDelivered || got.Status != apier.EndpointActive {
		t.Errorf("the endpoint is %+v", got)
	}
	h.event("a.b", `{}`)
	c = h.claimOne(e)
	verdict.URL = "https://newer.example/hooks"
	h.refuse(c, verdict)
	if got := h.look(e); got.Status != apier.EndpointDisabled {
		t.Errorf("the endpoint is %+v", got)
	}
}

func testDeleteEndpoint(t *testing.T, open Opener) {
	h := newHooks(t, open)
	e, stays := h.endpoint(nil), h.endpoint(func(e *apier.Endpoint) { e.Types = []string{"x.*"} })
	id, shared := h.event("a.b", `{}`), h.event("x.y", `{}`)
	claimed := h.claimOne(e)
	check(t, h.DeleteEndpoint(t.Context(), acme, e.ID))
	_, err := h.Endpoint(t.Context(), acme, e.ID)
	wantCode(t, err, apier.CodeNotFound)
	_, err = h.Finish(t.Context(), acme, claimed, apier.Attempt{StatusCode: 200}, store.Verdict{Status: apier.DeliveryDelivered})
	wantCode(t, err, apier.CodeConflict)
	wantCode(t, h.DeleteEndpoint(t.Context(), acme, e.ID), apier.CodeNotFound)
	if got := h.inbox(); !slices.Equal(got, []apier.EventID{id}) {
		t.Errorf("the inbox holds %v, want %s, which nobody else has", got, id)
	}
	d := h.of(store.DeliveryFilter{Event: id})
	if len(d) != 1 || d[0].Status != apier.DeliveryCanceled {
		t.Errorf("its delivery is %+v", d)
	}
	_, err = h.Retry(t.Context(), acme, d[0].ID)
	wantCode(t, err, apier.CodeConflict)
	if again := h.endpoint(nil); len(h.of(store.DeliveryFilter{Endpoint: again.ID})) != 0 {
		t.Error("a new endpoint has the deliveries of one that was deleted")
	}
	h.succeed(h.claimOne(stays))
	if s := h.get(shared).Status; s != apier.StatusDelivered {
		t.Errorf("the shared event is %s", s)
	}
}

func testCancel(t *testing.T, open Opener) {
	h := newHooks(t, open)
	e := h.endpoint(nil)
	acked, deleted := h.event("a.b", `{}`), h.event("a.b", `{}`)
	claims := h.claim(e, 2).Claimed
	h.deliver(acked)
	check(t, h.Delete(t.Context(), acme, deleted))
	for _, c := range claims {
		_, err := h.Finish(t.Context(), acme, c, apier.Attempt{ErrorKind: apier.ErrorTimeout}, giveUp)
		wantCode(t, err, apier.CodeConflict)
	}
	for _, d := range h.of(store.DeliveryFilter{Endpoint: e.ID}) {
		if d.Status != apier.DeliveryCanceled {
			t.Errorf("delivery is %+v", d)
		}
	}
	if got := h.look(e); got.Pending != 0 || h.get(acked).Status != apier.StatusDelivered {
		t.Errorf("endpoint is %+v", got)
	}
}

func testRetry(t *testing.T, open Opener) {
	h := newHooks(t, open)
	e := h.endpoint(nil)
	id := h.event("a.b", `{}`)
	c := h.claimOne(e)
	_, err := h.Retry(t.Context(), acme, c.Delivery.ID)
	wantCode(t, err, apier.CodeConflict) // an attempt is under way
	h.refuse(c, giveUp)
	d := must[apier.Delivery](t)(h.Retry(t.Context(), acme, c.Delivery.ID))
	if d.Status != apier.DeliveryPending || d.Attempts != 1 || d.Tries != 0 || d.DueAt != h.now() {
		t.Errorf("retried %+v", d)
	}
	if e := h.look(e); e.Pending != 1 || e.Failed != 0 {
		t.Errorf("endpoint counts %+v", e)
	}
	h.succeed(h.claimOne(e))
	must[apier.Delivery](t)(h.Retry(t.Context(), acme, c.Delivery.ID)) // sent again, as somebody asked
	if s := h.get(id).Status; s != apier.StatusDelivered {
		t.Errorf("what was delivered became %s", s)
	}
	h.succeed(h.claimOne(e))
	if e := h.look(e); e.Pending != 0 || e.Delivered != 1 {
		t.Errorf("endpoint counts %+v", e)
	}
}

func testRecoveries(t *testing.T, open Opener) {
	h := newHooks(t, open)
	e := h.endpoint(nil)
	began := h.now()
	for range 5 {
		h.event("a.b", `{}`)
	}
	for _, c := range h.claim(e, 5).Claimed {
		h.refuse(c, giveUp)
	}
	retry := apier.Recovery{Kind: apier.RecoverFailed, EndpointID: e.ID, Since: began, Until: h.now(), RatePerSecond: 10}
	if n := must[int64](t)(h.CountRecoverable(t.Context(), acme, retry)); n != 5 {
		t.Fatalf("counted %d", n)
	}
	r := must[apier.Recovery](t)(h.CreateRecovery(t.Context(), acme, retry))
	if running := must[[]store.RecoveryRef](t)(h.RunningRecoveries(t.Context())); len(running) != 1 || running[0].Recovery.ID != r.ID || running[0].Tenant != acme {
		t.Errorf("running are %+v", running)
	}
	for range 2 { // one each: a slice may end by the clock
		r = must[apier.Recovery](t)(h.AdvanceRecovery(t.Context(), acme, r.ID, 1))
	}
	if r.Done != 2 || r.Status != apier.RecoveryRunning || h.look(e).Pending != 2 {
		t.Errorf("after two: %+v", r)
	}
	r = must[apier.Recovery](t)(h.StopRecovery(t.Context(), acme, r.ID))
	if r = must[apier.Recovery](t)(h.AdvanceRecovery(t.Context(), acme, r.ID, 2)); r.Done != 2 || r.Status != apier.RecoveryStopped {
		t.Errorf("after the stop: %+v", r)
	}
	r = must[apier.Recovery](t)(h.CreateRecovery(t.Context(), acme, retry))
	for r.Status == apier.RecoveryRunning {
		r = must[apier.Recovery](t)(h.AdvanceRecovery(t.Context(), acme, r.ID, 2))
	}
	if r.Done != 3 || r.Total != 3 || h.look(e).Pending != 5 {
		t.Errorf("at the end: %+v", r)
	}

	late := h.endpoint(func(e *apier.Endpoint) { e.Types = []string{"a.*"} })
	replay := apier.Recovery{Kind: apier.RecoverReplay, EndpointID: late.ID, SourceEndpointID: e.ID, Since: began, Until: h.now(), RatePerSecond: 10}
	r = must[apier.Recovery](t)(h.CreateRecovery(t.Context(), acme, replay))
	for r.Status == apier.RecoveryRunning {
		r = must[apier.Recovery](t)(h.AdvanceRecovery(t.Context(), acme, r.ID, 2))
	}
	if r.Total != 5 || r.Done != 5 || h.look(late).Pending != 5 {
		t.Errorf("replayed %+v", r)
	}
	if n := must[int64](t)(h.CountRecoverable(t.Context(), acme, replay)); n != 0 {
		t.Errorf("%d would be replayed twice", n)
	}
	if all := must[[]apier.Recovery](t)(h.Recoveries(t.Context(), acme, e.ID)); len(all) != 2 || all[0].Status != apier.RecoveryDone {
		t.Errorf("recoveries are %+v", all)
	}

	running := must[apier.Recovery](t)(h.CreateRecovery(t.Context(), acme, retry))
	h.clock.advance(30*24*time.Hour + time.Second)
	check(t, h.Housekeep(t.Context()))
	if all := must[[]apier.Recovery](t)(h.Recoveries(t.Context(), acme, e.ID)); len(all) != 1 || all[0].ID != running.ID {
		t.Errorf("a month later there are %+v, want only the one that runs", all)
	}
}

func testReplayOfAGoneSource(t *testing.T, open Opener) {
	h := newHooks(t, open)
	began := h.now()
	source := h.endpoint(func(e *apier.Endpoint) { e.Types = []string{"order.*"} })
	first, second := h.event("order.created", `{}`), h.event("order.paid", `{}`)
	h.event("user.created", `{}`) // which the source never had
	target := h.endpoint(nil)
	r := must[apier.Recovery](t)(h.CreateRecovery(t.Context(), acme, apier.Recovery{
		Kind: apier.RecoverReplay, EndpointID: target.ID, SourceEndpointID: source.ID, Since: began, Until: h.now(), RatePerSecond: 10,
	}))
	must[apier.Recovery](t)(h.AdvanceRecovery(t.Context(), acme, r.ID, 1))
	check(t, h.DeleteEndpoint(t.Context(), acme, source.ID))
	for r.Status == apier.RecoveryRunning {
		r = must[apier.Recovery](t)(h.AdvanceRecovery(t.Context(), acme, r.ID, 10))
	}
	var got []apier.EventID
	for _, d := range slices.Backward(h.of(store.DeliveryFilter{Endpoint: target.ID})) {
		got = append(got, d.EventID)
	}
	if !slices.Equal(got, []apier.EventID{first, second}) || r.Done != r.Total {
		t.Errorf("%d of %d: %v were replayed, want %v", r.Done, r.Total, got, []apier.EventID{first, second})
	}
}

func testErasedIsNotSent(t *testing.T, open Opener) {
	h := newHooks(t, open)
	began := h.now()
	e := h.endpoint(nil)
	erased := h.event("a.b", `{"name":"Ada"}`)
	c := h.claimOne(e)
	h.refuse(c, giveUp)
	must[apier.Event](t)(h.EraseEvent(t.Context(), acme, erased))
	_, err := h.Retry(t.Context(), acme, c.Delivery.ID)
	wantCode(t, err, apier.CodeConflict)
	late := h.endpoint(nil)
	for _, r := range []apier.Recovery{
		{Kind: apier.RecoverFailed, EndpointID: e.ID},
		{Kind: apier.RecoverReplay, EndpointID: late.ID},
		{Kind: apier.RecoverReplay, EndpointID: late.ID, SourceEndpointID: e.ID},
	} {
		r.Since, r.Until, r.RatePerSecond = began, h.now(), 10
		r = must[apier.Recovery](t)(h.CreateRecovery(t.Context(), acme, r))
		for r.Status == apier.RecoveryRunning {
			r = must[apier.Recovery](t)(h.AdvanceRecovery(t.Context(), acme, r.ID, 10))
		}
		if r.Done != r.Total || h.look(apier.Endpoint{ID: r.EndpointID}).Pending != 0 {
			t.Errorf("after %+v there is something to send", r)
		}
	}
	if s := h.get(erased).Status; s != apier.StatusFailed {
		t.Errorf("the event is %s", s)
	}
}

func testMaxEndpoints(t *testing.T, open Opener) {
	h := hooks{newTunedFixture(t, open, func(o *store.Options) { o.MaxEndpoints = 2 })}
	first := h.endpoint(nil)
	h.endpoint(nil)
	_, err := h.CreateEndpoint(t.Context(), acme, apier.Endpoint{URL: "https://shop.example"}, []byte("secret"))
	wantCode(t, err, apier.CodeConflict)
	must[apier.Endpoint](t)(h.CreateEndpoint(t.Context(), other, apier.Endpoint{URL: "https://shop.example"}, []byte("secret")))
	check(t, h.DeleteEndpoint(t.Context(), acme, first.ID))
	h.endpoint(nil)
}

func testSecrets(t *testing.T, open Opener) {
	h := newHooks(t, open)
	e := h.endpoint(nil)
	want := func(secrets ...string) {
		t.Helper()
		var got []string
		for _, s := range must[[][]byte](t)(h.Secrets(t.Context(), acme, e.ID)) {
			got = append(got, string(s))
		}
		if !slices.Equal(got, secrets) {
			t.Errorf("secrets are %v, want %v", got, secrets)
		}
	}
	want("secret")
	check(t, h.RotateSecret(t.Context(), acme, e.ID, []byte("second"), time.Hour))
	want("second", "secret")
	h.clock.advance(time.Hour)
	want("second")
	for i := range 4 {
		check(t, h.RotateSecret(t.Context(), acme, e.ID, fmt.Appendf(nil, "more%d", i), time.Hour))
	}
	want("more3", "more2", "more1")
	check(t, h.RotateSecret(t.Context(), acme, e.ID, []byte("last"), 0))
	want("last")
}

func testDeliveryChanges(t *testing.T, open Opener) {
	h := newHooks(t, open)
	e := h.endpoint(nil)
	id := h.event("a.b", `{}`)
	before := h.head()
	h.refuse(h.claimOne(e), giveUp)
	if n := len(must[store.ChangePage](t)(h.Changes(t.Context(), acme, 0, 100, false)).Changes); n != 2 {
		t.Errorf("%d changes without deliveries, want the event's creation and update", n)
	}
	var kinds []apier.ChangeKind
	after := before
	for more := true; more; {
		page := must[store.ChangePage](t)(h.Changes(t.Context(), acme, after, 1, true))
		for _, c := range page.Changes {
			kinds = append(kinds, c.Kind)
			if c.Kind == apier.DeliveryChanged && (c.Delivery.Status != apier.DeliveryFailed || c.Event.ID != id) {
				t.Errorf("change is %+v", c.Delivery)
			}
		}
		after, more = page.Seq, page.More
	}
	slices.Sort(kinds)
	if want := []apier.ChangeKind{apier.Updated, apier.DeliveryChanged, apier.EndpointChanged}; !slices.Equal(kinds, want) {
		t.Errorf("changes are %v, want %v", kinds, want)
	}
	check(t, h.DeleteEndpoint(t.Context(), acme, e.ID))
	page := must[store.ChangePage](t)(h.Changes(t.Context(), acme, after, 100, true))
	if last := page.Changes[len(page.Changes)-1]; last.Gone != e.ID {
		t.Errorf("the deletion is told as %+v", last)
	}
	h.checkAnnouncedInOrder()
}

func (h hooks) checkAnnouncedInOrder() {
	h.t.Helper()
	last := apier.Seq(0)
	for _, c := range h.changesAnnounced() {
		if c.Seq <= last {
			h.t.Errorf("change %d is announced after %d", c.Seq, last)
		}
		last = c.Seq
	}
}

func testDeliveryTenants(t *testing.T, open Opener) {
	h := newHooks(t, open)
	e := h.endpoint(nil)
	h.event("a.b", `{}`)
	d := h.of(store.DeliveryFilter{Endpoint: e.ID})[0]
	h.Append(t.Context(), other, newEvents(1), nil) //nolint:errcheck // only makes the tenant known
	ctx := t.Context()
	for name, err := range map[string]error{
		"Endpoint":       second(h.Endpoint(ctx, other, e.ID)),
		"UpdateEndpoint": second(h.UpdateEndpoint(ctx, other, e.ID, func(*apier.Endpoint) error { return nil })),
		"DeleteEndpoint": h.DeleteEndpoint(ctx, other, e.ID),
		"RotateSecret":   h.RotateSecret(ctx, other, e.ID, []byte("x"), 0),
		"Secrets":        second(h.Secrets(ctx, other, e.ID)),
		"Claim":          second(h.Claim(ctx, other, e.ID, 1, time.Minute)),
		"Delivery":       second(h.Delivery(ctx, other, d.ID)),
		"Attempts":       second(h.Attempts(ctx, other, d.ID)),
		"Retry":          second(h.Retry(ctx, other, d.ID)),
		"ListDeliveries": second(h.ListDeliveries(ctx, other, store.DeliveryFilter{Endpoint: e.ID})),
		"Recoveries":     second(h.Recoveries(ctx, other, e.ID)),
	} {
		if apier.AsError(err).Code != apier.CodeNotFound {
			t.Errorf("%s of another tenant: %v", name, err)
		}
	}
	if n := len(must[store.ChangePage](t)(h.Changes(ctx, other, 0, 100, true)).Changes); n != 1 {
		t.Errorf("another tenant is told %d changes", n)
	}
}

func second[T any](_ T, err error) error { return err }

func testDeliveryPages(t *testing.T, open Opener) {
	h := newHooks(t, open)
	var endpoints []apier.EndpointID
	for range 3 {
		endpoints = append([]apier.EndpointID{h.endpoint(nil).ID}, endpoints...)
	}
	var got []apier.EndpointID
	for page := (store.PageOf[apier.EndpointID]{Limit: 2}); ; {
		p := must[store.EndpointPage](t)(h.Endpoints(t.Context(), acme, page))
		for _, e := range p.Endpoints {
			got = append(got, e.ID)
		}
		if !p.HasMore {
			break
		}
		page.StartingAfter = got[len(got)-1]
	}
	if !slices.Equal(got, endpoints) {
		t.Errorf("endpoints %v, want %v", got, endpoints)
	}
	var events []apier.EventID
	for range 5 {
		events = append([]apier.EventID{h.event("a.b", `{}`)}, events...)
	}
	for _, status := range []apier.DeliveryStatus{"", apier.DeliveryPending} {
		var seen []apier.EventID
		filter := store.DeliveryFilter{Endpoint: endpoints[0], Status: status}
		for filter.Limit = 2; ; {
			p := must[store.DeliveryPage](t)(h.ListDeliveries(t.Context(), acme, filter))
			for _, d := range p.Deliveries {
				seen = append(seen, d.EventID)
			}
			if !p.HasMore {
				break
			}
			filter.StartingAfter = p.Deliveries[len(p.Deliveries)-1].ID
		}
		if !slices.Equal(seen, events) {
			t.Errorf("deliveries %q of %v, want %v", status, seen, events)
		}
	}
	if n := len(h.of(store.DeliveryFilter{Endpoint: endpoints[0], Status: apier.DeliveryFailed})); n != 0 {
		t.Errorf("%d failed", n)
	}
}

func testDeliveriesSurvive(t *testing.T, open Opener) {
	h := newHooks(t, open)
	e := h.endpoint(func(e *apier.Endpoint) { e.Headers = map[string]string{"X-Team": "billing"} })
	h.event("a.b", `{}`)
	claimed := h.claimOne(e)
	h.reopen()
	if got := h.look(e); got.Headers["X-Team"] != "billing" || got.Pending != 1 {
		t.Errorf("endpoint is %+v", got)
	}
	h.succeed(claimed) // the lease holds over a restart
	h.event("a.b", `{}`)
	h.succeed(h.claimOne(e)) // and events are routed
}

func testPendingRetries(t *testing.T, open Opener) {
	h := newHooks(t, open)
	e := h.endpoint(nil)
	count := func(when string, want int64) {
		t.Helper()
		if n := must[int64](t)(h.PendingRetries(t.Context(), acme)); n != want {
			t.Errorf("%s: %d, want %d", when, n, want)
		}
	}
	count("of nothing", 0)
	for range 3 {
		h.event("order.created", "{}")
	}
	count("before an attempt", 0)
	first, second := h.claimOne(e), h.claimOne(e)
	h.refuse(first, h.later(time.Second))
	h.refuse(second, giveUp)
	count("one waits, one was given up", 1)
	if n := must[int64](t)(h.PendingRetries(t.Context(), "other")); n != 0 {
		t.Errorf("another tenant has %d", n)
	}
	h.clock.advance(2 * time.Second)
	for _, c := range h.claim(e, 2).Claimed {
		h.succeed(c)
	}
	count("all have ended", 0)
}
