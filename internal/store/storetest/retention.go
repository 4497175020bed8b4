package storetest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func retentionTests() map[string]func(*testing.T, Opener) {
	return map[string]func(*testing.T, Opener){
		"events leave with their retention, in silence, and counters with them": testEventRetention,
		"who counts is told of whose events have left, and of nobody else":      testLeft,
		"bodies of answers leave before their attempts":                         testBodyRetention,
		"lines of the receiver's log leave with their retention":                testWebhookRetention,
		"under the disk budget final events go first, then none":                testBudget,
		"a page goes on behind an event that has made room":                     testPageBehindWhatLeft,
		"pending events make room only if they may":                             testBudgetPending,
		"an erased event has no payload, and nothing repeats it":                testEraseEvent,
		"an erasure takes all that match, in slices, over restarts":             testErasure,
	}
}

func (f *fixture) endpoint() apier.Endpoint {
	f.t.Helper()
	return must[apier.Endpoint](f.t)(f.CreateEndpoint(f.t.Context(), acme, apier.Endpoint{URL: "https://shop.example", OrderKey: "customer"}.WithDefaults(), []byte("s")))
}

// attempt makes one attempt of the delivery that is due next.
func (f *fixture) attempt(endpoint apier.EndpointID, status apier.DeliveryStatus, body string) apier.DeliveryID {
	f.t.Helper()
	claims := must[store.Claims](f.t)(f.Claim(f.t.Context(), acme, endpoint, 1, time.Minute))
	if len(claims.Claimed) != 1 {
		f.t.Fatalf("nothing is due: %+v", claims)
	}
	attempt := apier.Attempt{Number: 1, StartedAt: apier.TimestampOf(f.clock.now()), StatusCode: 200, ResponseBody: []byte(body)}
	d := must[apier.Delivery](f.t)(f.Finish(f.t.Context(), acme, claims.Claimed[0], attempt, store.Verdict{Status: status}))
	return d.ID
}

func testEventRetention(t *testing.T, open Opener) {
	f := newTunedFixture(t, open, func(o *store.Options) { o.EventRetention = 24 * time.Hour })
	inbox := f.add(newEvents(3)...)
	f.deliver(inbox[0])
	f.fail(inbox[1], "x")
	endpoint := f.endpoint()
	f.add(newEvent("order.made", "shop"), newEvent("order.made", "shop"))
	delivery := f.attempt(endpoint.ID, apier.DeliveryDelivered, "thanks")
	deleted := f.add(newEvent("order.made", "shop"))[0]
	check(t, f.Delete(t.Context(), acme, deleted))
	f.clock.advance(23 * time.Hour)
	young := f.add(newEvent("order.made", "shop"))[0]
	check(t, f.Housekeep(t.Context()))
	if n := len(f.list(store.Filter{}).Events); n != 6 {
		t.Fatalf("%d events before their time", n)
	}
	before := len(f.changesAnnounced())
	f.clock.advance(2 * time.Hour)
	check(t, f.Housekeep(t.Context()))
	if left := f.list(store.Filter{}).Events; len(left) != 1 || left[0].ID != young {
		t.Fatalf("left: %+v", left)
	}
	if older := f.list(store.Filter{StartingAfter: inbox[1]}).Events; len(older) != 0 { // who pages while events expire comes to the end
		t.Fatalf("older than what has expired: %+v", older)
	}
	if newer := f.list(store.Filter{StartingAfter: inbox[1], OldestFirst: true}).Events; len(newer) != 1 || newer[0].ID != young {
		t.Fatalf("newer than what has expired: %+v", newer)
	}
	for _, c := range f.changesAnnounced()[before:] {
		if c.Kind == apier.Created || c.Kind == apier.Updated || c.Kind == apier.Deleted {
			t.Fatalf("announced %+v", c)
		}
	}
	summary := must[store.Summary](t)(f.Summary(t.Context(), acme))
	if summary.Total != 1 || summary.Pending != 1 {
		t.Fatalf("%+v", summary)
	}
	got := must[apier.Endpoint](t)(f.Endpoint(t.Context(), acme, endpoint.ID))
	if got.Pending != 1 || got.Delivered != 0 || got.Failed != 0 {
		t.Fatalf("counters of the endpoint: %+v", got)
	}
	_, err := f.Delivery(t.Context(), acme, delivery)
	wantCode(t, err, apier.CodeNotFound)
	if page := must[store.DeliveryPage](t)(f.ListDeliveries(t.Context(), acme, store.DeliveryFilter{Endpoint: endpoint.ID, PageOf: store.PageOf[apier.DeliveryID]{Limit: 10}})); len(page.Deliveries) != 1 {
		t.Fatalf("deliveries left: %+v", page.Deliveries)
	}
	if space := must[store.Space](t)(f.Space(t.Context())); space.Expired != 5 || space.Used <= 0 || space.File < space.Used || space.Full {
		t.Fatalf("%+v", space)
	}
	f.clock.advance(48 * time.Hour)
	check(t, f.Housekeep(t.Context()))
	for _, oldestFirst := range []bool{false, true} { // nothing is left to page through, which is no mistake of the reader
		if page := f.list(store.Filter{StartingAfter: young, OldestFirst: oldestFirst}); len(page.Events) != 0 {
			t.Fatalf("after the last has expired: %+v", page)
		}
	}
}

func testLeft(t *testing.T, open Opener) {
	var told []apier.TenantID // by the writer, before a call below returns
	f := newTunedFixture(t, open, func(o *store.Options) {
		o.EventRetention, o.DiskBudget, o.DiskBudgetPending = time.Hour, budget, true
		o.Announce = func(commits []apier.Commit) {
			for _, c := range commits {
				if c.CountersChanged {
					told = append(told, c.Tenant)
				}
			}
		}
	})
	f.add(newEvents(2)...)
	f.clock.advance(2 * time.Hour)
	must[store.Receipts](t)(f.Append(t.Context(), other, newEvents(1), nil))
	check(t, f.Housekeep(t.Context()))
	if !slices.Equal(told, []apier.TenantID{acme}) {
		t.Fatalf("of what has expired told: %v", told)
	}
	must[store.Receipts](t)(f.Append(t.Context(), other, large(250), nil))
	check(t, f.Housekeep(t.Context()))
	if told = told[1:]; len(told) == 0 || slices.Contains(told, acme) {
		t.Fatalf("of what made room told: %v", told)
	}
}

func testBodyRetention(t *testing.T, open Opener) {
	f := newTunedFixture(t, open, func(o *store.Options) { o.AttemptBodyRetention = time.Hour })
	endpoint := f.endpoint()
	f.add(newEvents(2)...)
	old := f.attempt(endpoint.ID, apier.DeliveryDelivered, "old")
	f.clock.advance(time.Hour + time.Second)
	young := f.attempt(endpoint.ID, apier.DeliveryDelivered, "young")
	check(t, f.Housekeep(t.Context()))
	for id, want := range map[apier.DeliveryID]string{old: "", young: "young"} {
		attempts := must[[]apier.Attempt](t)(f.Attempts(t.Context(), acme, id))
		if len(attempts) != 1 || attempts[0].StatusCode != 200 || string(attempts[0].ResponseBody) != want {
			t.Errorf("%+v, want a body of %q", attempts, want)
		}
	}
}

func testWebhookRetention(t *testing.T, open Opener) {
	f := newTunedFixture(t, open, func(o *store.Options) { o.WebhookRetention = time.Hour })
	f.recordWebhook(webhook("old"))
	f.clock.advance(time.Hour + time.Second)
	f.recordWebhook(webhook("young"))
	check(t, f.Housekeep(t.Context()))
	if page := f.webhooks(store.WebhookFilter{}); len(page.Webhooks) != 1 || page.Webhooks[0].MessageID != "young" {
		t.Fatalf("%+v", page.Webhooks)
	}
}

// large are events of 10 KB.
func large(n int) []apier.NewEvent {
	events := newEvents(n)
	for i := range events {
		events[i].Payload = fmt.Appendf(nil, `{"n":%d,"fill":"%s"}`, i, strings.Repeat("x", 10_000))
	}
	return events
}

const budget = 2 << 20

func testBudget(t *testing.T, open Opener) {
	f := newTunedFixture(t, open, func(o *store.Options) { o.DiskBudget = budget })
	h := hooks{f}
	e := h.endpoint(func(e *apier.Endpoint) { e.Types = []string{"hook.*"} })
	h.event("hook.made", `{}`)
	final := f.add(large(60)...)
	for _, id := range final {
		f.deliver(id)
	}
	pending := f.add(large(100)...)
	for _, id := range f.add(large(20)...) {
		f.deliver(id)
	}
	check(t, f.Housekeep(t.Context()))
	space := must[store.Space](t)(f.Space(t.Context()))
	if space.Used > budget || space.Trimmed == 0 || space.Full || space.Budget != budget {
		t.Fatalf("%+v", space)
	}
	left := map[apier.EventID]bool{}
	page := f.list(store.Filter{})
	for _, e := range page.Events {
		left[e.ID] = true
	}
	if len(left) != 181-int(space.Trimmed) || left[final[0]] || !left[page.Events[0].ID] {
		t.Fatalf("%d events are left, %d went", len(left), space.Trimmed)
	}
	for _, id := range pending {
		if !left[id] {
			t.Fatalf("a pending event went")
		}
	}
	if summary := must[store.Summary](t)(f.Summary(t.Context(), acme)); summary.Total != int64(len(left)) || summary.Pending != 101 {
		t.Fatalf("%+v", summary)
	}

	for range 40 { // nothing but pending events comes
		if _, err := f.Append(t.Context(), acme, large(5), nil); err != nil {
			wantCode(t, err, apier.CodeUnavailable)
			break
		}
		check(t, f.Housekeep(t.Context()))
	}
	_, err := f.Append(t.Context(), acme, large(1), nil)
	wantCode(t, err, apier.CodeUnavailable)
	if space = must[store.Space](t)(f.Space(t.Context())); !space.Full {
		t.Fatalf("%+v", space)
	}
	verdict := giveUp
	verdict.DisableReason = "It answered 410 Gone"
	h.refuse(h.claimOne(e), verdict) // what is under way ends as ever, and is told of; being final now, it may go at once
	if newest := f.list(store.Filter{Limit: 1}).Events[0]; newest.Type != "system.endpoint_disabled" {
		t.Errorf("the newest event is %+v", newest)
	}
	for _, id := range pending {
		f.deliver(id)
	}
	check(t, f.Housekeep(t.Context()))
	f.add(large(1)...)
}

// testPageBehindWhatLeft pages from every event of a history in which some have made room, and from all of one that
// has expired: each page is what it would have been.
func testPageBehindWhatLeft(t *testing.T, open Opener) {
	f := newTunedFixture(t, open, func(o *store.Options) { o.DiskBudget, o.EventRetention = budget, time.Hour })
	var ids []apier.EventID
	for i := range 250 {
		ids = append(ids, f.add(large(1)...)...)
		if i%2 == 0 {
			f.deliver(ids[i])
		}
	}
	check(t, f.Housekeep(t.Context()))
	left := map[apier.EventID]bool{}
	for _, e := range f.list(store.Filter{Limit: 1000}).Events {
		left[e.ID] = true
	}
	if space := must[store.Space](t)(f.Space(t.Context())); space.Trimmed < 20 || len(left) != 250-int(space.Trimmed) {
		t.Fatalf("%d are left; %+v", len(left), space)
	}
	stay := func(ids []apier.EventID) []apier.EventID {
		return slices.DeleteFunc(slices.Clone(ids), func(id apier.EventID) bool { return !left[id] })
	}
	for round := range 2 {
		for i, id := range ids {
			if got := idsOf(f.list(store.Filter{StartingAfter: id, OldestFirst: true, Limit: 1000}).Events); !slices.Equal(got, stay(ids[i+1:])) {
				t.Fatalf("round %d: %d are newer than event %d, want %d", round, len(got), i, len(stay(ids[i+1:])))
			}
			older := stay(ids[:i])
			slices.Reverse(older)
			if got := idsOf(f.list(store.Filter{StartingAfter: id, Limit: 1000}).Events); !slices.Equal(got, older) {
				t.Fatalf("round %d: %d are older than event %d, want %d", round, len(got), i, len(older))
			}
		}
		f.clock.advance(2 * time.Hour)
		check(t, f.Housekeep(t.Context()))
		clear(left)
	}
}

func testBudgetPending(t *testing.T, open Opener) {
	f := newTunedFixture(t, open, func(o *store.Options) { o.DiskBudget, o.DiskBudgetPending = budget, true })
	first := f.add(large(1)...)[0]
	for range 40 {
		f.add(large(10)...)
	}
	last := f.add(large(1)...)[0]
	check(t, f.Housekeep(t.Context()))
	if space := must[store.Space](t)(f.Space(t.Context())); space.Used > budget || space.Full {
		t.Fatalf("%+v", space)
	}
	_, err := f.Event(t.Context(), acme, first)
	wantCode(t, err, apier.CodeNotFound)
	must[apier.Event](t)(f.Event(t.Context(), acme, last))
}

func testEraseEvent(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ctx := t.Context()
	id := f.add(newEvents(1)...)[0]
	erased := must[apier.Event](t)(f.EraseEvent(ctx, acme, id))
	if string(erased.Payload) != "{}" || !erased.Erased || erased.Status != apier.StatusFailed || erased.ErrorMessage == "" || erased.Seq != f.head() {
		t.Fatalf("%+v", erased)
	}
	changes := f.changesAnnounced()
	if last := changes[len(changes)-1]; last.Kind != apier.Updated || last.PreviousStatus != apier.StatusPending || !reflect.DeepEqual(last.Event, erased) {
		t.Fatalf("announced %+v", last)
	}
	head := f.head()
	if again := must[apier.Event](t)(f.EraseEvent(ctx, acme, id)); !reflect.DeepEqual(again, erased) || f.head() != head {
		t.Fatalf("twice: %+v", again)
	}
	f.reopen()
	if got := must[apier.Event](t)(f.Event(ctx, acme, id)); !reflect.DeepEqual(got, erased) {
		t.Fatalf("read again: %+v", got)
	}

	endpoint := f.endpoint()
	routed := f.add(apier.NewEvent{Type: "a.b", Source: "s", Payload: []byte(`{"customer":"jane"}`)})[0]
	f.attempt(endpoint.ID, apier.DeliveryPending, "hello jane")
	f.recordWebhook(webhook(string(routed)))
	must[apier.Event](t)(f.EraseEvent(ctx, acme, routed))
	page := must[store.DeliveryPage](t)(f.ListDeliveries(ctx, acme, store.DeliveryFilter{Event: routed, PageOf: store.PageOf[apier.DeliveryID]{Limit: 10}}))
	if len(page.Deliveries) != 1 || page.Deliveries[0].Status != apier.DeliveryCanceled || page.Deliveries[0].OrderKey != "" {
		t.Fatalf("%+v", page.Deliveries)
	}
	if attempts := must[[]apier.Attempt](t)(f.Attempts(ctx, acme, page.Deliveries[0].ID)); len(attempts) != 0 {
		t.Fatalf("%+v", attempts)
	}
	if w := f.webhooks(store.WebhookFilter{}).Webhooks[0]; len(w.Body) != 0 || len(w.Headers) != 0 || w.MessageID != string(routed) {
		t.Fatalf("%+v", w)
	}
	_, err := f.EraseEvent(ctx, other, id)
	wantCode(t, err, apier.CodeNotFound)
	must[store.Group](t)(f.PutGroup(ctx, acme, store.NewGroup{Name: "all", FromStart: true}))
	kept := f.add(apier.NewEvent{Type: "a.b", Source: "s", Payload: []byte(`{"n":1}`)}, apier.NewEvent{Type: "a.b", Source: "s", Payload: []byte(`{"n":2}`)})
	wantIDs(t, "erased ones are passed over", leasedIDs(f.lease(holder("all", "a"), 10, time.Minute)), kept)
	must[apier.Event](t)(f.EraseEvent(ctx, acme, kept[0]))
	f.clock.advance(time.Hour)
	wantIDs(t, "and not handed out again", leasedIDs(f.lease(holder("all", "a"), 10, time.Minute)), kept[1:])
	if delivered := f.deliver(id); delivered.Status != apier.StatusDelivered || !delivered.Erased || string(delivered.Payload) != "{}" {
		t.Fatalf("whoever had it can still say so: %+v", delivered)
	}
}

func testErasure(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ctx := t.Context()
	const n = 1500 // more than a slice
	var events []apier.NewEvent
	for i := range n {
		e := newEvent("order.made", "shop")
		e.Payload = fmt.Appendf(nil, `{"customer":{"id":%d}}`, i%3)
		events = append(events, e)
	}
	for begin := 0; begin < n; begin += 500 {
		f.add(events[begin : begin+500]...)
	}
	selection := apier.Selection{Types: []string{"order.*"}, Source: "shop", Filter: []byte(`{"payload.customer.id":1}`)}
	matched, examined, err := f.CountErasable(ctx, acme, selection)
	if err != nil || matched != n/3 || examined != n {
		t.Fatalf("%d of %d, %v", matched, examined, err)
	}
	erasure := must[apier.Erasure](t)(f.CreateErasure(ctx, acme, selection))
	late := f.add(apier.NewEvent{Type: "order.made", Source: "shop", Payload: []byte(`{"customer":{"id":1}}`)})[0]
	f.reopen()
	check(t, f.Housekeep(ctx))
	done := must[apier.Erasure](t)(f.Erasure(ctx, acme, erasure.ID))
	if done.Status != apier.ErasureDone || done.Examined != n || done.Erased != n/3 || !reflect.DeepEqual(done.Selection, selection) {
		t.Fatalf("%+v", done)
	}
	count := 0
	for _, e := range f.list(store.Filter{OldestFirst: true}).Events {
		if e.Erased != (string(e.Payload) == "{}") {
			t.Fatalf("%+v", e)
		}
		if e.Erased {
			count++
		}
	}
	if count != 333 && count != 334 { // of the first thousand
		t.Fatalf("%d are erased", count)
	}
	if e := must[apier.Event](t)(f.Event(ctx, acme, late)); e.Erased {
		t.Fatal("one that came after it began is erased")
	}
	if list := must[[]apier.Erasure](t)(f.Erasures(ctx, acme)); len(list) != 1 || list[0].ID != erasure.ID {
		t.Fatalf("%+v", list)
	}
	_, err = f.Erasure(ctx, other, erasure.ID)
	wantCode(t, err, apier.CodeNotFound)
	_, _, err = f.CountErasable(ctx, acme, apier.Selection{Filter: []byte(`{"nowhere":1}`)})
	wantCode(t, err, apier.CodeInvalid)
}
