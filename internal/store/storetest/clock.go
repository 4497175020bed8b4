package storetest

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func clockTests() map[string]func(*testing.T, Opener) {
	return map[string]func(*testing.T, Opener){
		"nothing leaves by a clock that jumped ahead, and retention goes on after it":        testClockAhead,
		"nothing leaves by a clock that was ahead when the server started":                   testClockAheadAtStart,
		"a clock that jumped is believed after a day, and leaves time to what it dated anew": testClockBelieved,
		"what waits for a time that is years ahead is due once the clock is right":           testWaitsAhead,
		"more rows than a slice that are dated ahead keep nothing from leaving":              testManyAhead,
	}
}

const tenYears = 10 * 365 * 24 * time.Hour

// told is a log that a test reads.
type told struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *told) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *told) has(words string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), words)
}

// newClockFixture keeps everything for 90 days.
func newClockFixture(t *testing.T, open Opener) (*fixture, *told) {
	t.Helper()
	log := &told{}
	return newTunedFixture(t, open, func(o *store.Options) {
		o.EventRetention, o.AttemptBodyRetention, o.WebhookRetention = 90*24*time.Hour, 90*24*time.Hour, 90*24*time.Hour
		o.Log = slog.New(slog.NewTextHandler(log, nil))
	}), log
}

// housekeep lets the writer look at the clock, and removes what is old.
func (f *fixture) housekeep() {
	f.t.Helper()
	check(f.t, f.Housekeep(f.t.Context()))
}

func (f *fixture) count() int { f.t.Helper(); return len(f.list(store.Filter{}).Events) }

func testClockAhead(t *testing.T, open Opener) {
	f, log := newClockFixture(t, open)
	endpoint := f.endpoint()
	first := f.add(newEvents(20)...)
	f.attempt(endpoint.ID, apier.DeliveryDelivered, "thanks")
	f.recordWebhook(apier.Webhook{StatusCode: 204, Verified: true, MessageID: "msg_1"})
	head := f.head()
	check(t, f.Delete(t.Context(), acme, first[0]))
	key := &store.IdempotencyKey{Key: "k", RequestHash: [32]byte{1}}
	must[store.Receipts](t)(f.Append(t.Context(), acme, newEvents(1), key))

	f.clock.jump(tenYears)
	f.add(newEvents(1)...)
	f.recordWebhook(apier.Webhook{StatusCode: 204, Verified: true, MessageID: "msg_2"})
	f.clock.advance(time.Minute)
	f.housekeep()
	if n := f.count(); n != 21 {
		t.Fatalf("%d events are left of 21 while the clock is ahead", n)
	}
	if !log.has("the clock jumped") {
		t.Error("nobody was told that the clock jumped")
	}
	if page := must[store.ChangePage](t)(f.Changes(t.Context(), acme, head, 1000, false)); page.Lost {
		t.Error("the tombstone has left")
	}
	if again := must[store.Receipts](t)(f.Append(t.Context(), acme, newEvents(1), key)); !again.Replayed {
		t.Error("the Idempotency-Key was forgotten")
	}
	f.clock.jump(-tenYears)
	f.add(newEvents(2)...)
	f.housekeep()
	if !log.has("the clock is back") {
		t.Error("nobody was told that it is back")
	}
	since := must[store.Throughput](t)(f.Throughput(t.Context(), acme, f.clock.now().Add(-time.Hour)))
	for _, point := range since.Series {
		if point.At.Time().After(f.clock.now()) {
			t.Errorf("a minute of the future has figures: %+v", point)
		}
	}
	f.clock.advance(91 * 24 * time.Hour)
	young := f.add(newEvents(1)...)
	f.housekeep()
	if left := f.list(store.Filter{}).Events; len(left) != 1 || left[0].ID != young[0] {
		t.Fatalf("%d events are left after their retention, want the young one", len(left))
	}
	f.clock.advance(91 * 24 * time.Hour) // what was dated ahead had its time from when that was found out
	f.housekeep()
	if left := f.webhooks(store.WebhookFilter{}).Webhooks; len(left) != 0 {
		t.Errorf("%d lines of the log are left", len(left))
	}
}

func testClockAheadAtStart(t *testing.T, open Opener) {
	f, log := newClockFixture(t, open)
	f.add(newEvents(5)...)
	f.clock.jump(tenYears)
	f.reopen()
	f.add(newEvents(1)...)
	f.housekeep()
	if n := f.count(); n != 6 || !log.has("far ahead of the newest rows") {
		t.Fatalf("%d events of 6 are left; told: %v", n, log.has("far ahead"))
	}
	f.reopen() // once more: rows of the wrong time are no proof
	f.housekeep()
	if n := f.count(); n != 6 {
		t.Fatalf("%d events of 6 are left after a second start", n)
	}
	f.clock.jump(-tenYears)
	f.reopen()
	f.add(newEvents(1)...)
	f.clock.advance(91 * 24 * time.Hour)
	f.add(newEvents(1)...)
	f.housekeep()
	if n := f.count(); n != 1 {
		t.Fatalf("%d events are left after their retention, want 1", n)
	}
}

func testClockBelieved(t *testing.T, open Opener) {
	f, log := newClockFixture(t, open)
	f.add(newEvents(5)...) // by a clock that was ten years late
	f.clock.jump(tenYears)
	f.housekeep()
	for range 25 {
		f.clock.advance(time.Hour)
		f.housekeep()
	}
	if n := f.count(); n != 5 || !log.has("is believed now") {
		t.Fatalf("%d events of 5 are left; told: %v", n, log.has("is believed now"))
	}
	f.clock.advance(91 * 24 * time.Hour)
	f.housekeep()
	if n := f.count(); n != 0 {
		t.Fatalf("%d events are left after their retention", n)
	}
}

func testWaitsAhead(t *testing.T, open Opener) {
	h := newHooks(t, open)
	endpoint := h.endpoint(nil)
	h.event("order.made", `{}`)
	inbox := h.add(newEvent("other.made", "shop"))
	must[store.Group](t)(h.PutGroup(t.Context(), acme, store.NewGroup{Name: "g", FromStart: true}))
	h.clock.jump(tenYears)
	h.housekeep()
	claimed := h.claimOne(endpoint)
	h.refuse(claimed, h.later(time.Minute))
	if n := len(h.lease(holder("g", "a"), 10, time.Minute).Leased); n == 0 {
		t.Fatal("nothing to lease")
	}
	h.clock.jump(-tenYears)
	h.housekeep()
	h.clock.advance(time.Second)
	if claims := h.claim(endpoint, 1); len(claims.Claimed) != 1 {
		t.Errorf("the delivery waits for years: %+v", claims)
	}
	found := false
	for _, l := range h.lease(holder("g", "b"), 10, time.Minute).Leased {
		found = found || l.Event.ID == inbox[0]
	}
	if !found {
		t.Error("the lease holds for years")
	}
}

func testManyAhead(t *testing.T, open Opener) {
	f, _ := newClockFixture(t, open)
	f.clock.jump(tenYears)
	for range 26 {
		f.add(newEvents(100)...)
	}
	f.clock.jump(-tenYears)
	f.housekeep()
	f.add(newEvents(3)...)
	f.housekeep()
	if n := must[store.Summary](t)(f.Summary(t.Context(), acme)).Total; n != 2603 {
		t.Fatalf("%d events of 2603 are left", n)
	}
	f.clock.advance(91 * 24 * time.Hour)
	f.add(newEvents(1)...)
	f.housekeep()
	if n := must[store.Summary](t)(f.Summary(t.Context(), acme)).Total; n != 1 {
		t.Fatalf("%d events are left, want 1", n)
	}
}
