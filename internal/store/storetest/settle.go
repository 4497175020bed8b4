package storetest

import (
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func settleTests() map[string]func(*testing.T, Opener) {
	return map[string]func(*testing.T, Opener){
		"settle as delivered measures the latency":       testDelivered,
		"settle twice as delivered changes nothing":      testDeliveredTwice,
		"settle as failed, then delivered":               testFailedThenDelivered,
		"a clock that steps back gives no negative time": testClockBack,
		"delete leaves nothing but a tombstone":          testDelete,
	}
}

func testDelivered(t *testing.T, open Opener) {
	f := newFixture(t, open)
	id := f.add(newEvents(1)...)[0]
	f.clock.advance(1234 * time.Millisecond)
	e := f.deliver(id)
	now := apier.TimestampOf(f.clock.now())
	if e.Status != apier.StatusDelivered || e.DeliveryLatencyMS != 1234 || e.DeliveryAttempts != 1 ||
		e.LastDeliveryAttempt != now || e.UpdatedAt != now || e.Seq != 2 || e.ErrorMessage != "" {
		t.Errorf("delivered event is %+v", e)
	}
}

func testDeliveredTwice(t *testing.T, open Opener) {
	f := newFixture(t, open)
	id := f.add(newEvents(1)...)[0]
	first := f.deliver(id)
	f.clock.advance(time.Minute)
	if again := f.deliver(id); again.Seq != first.Seq || again.DeliveryAttempts != 1 || again.UpdatedAt != first.UpdatedAt {
		t.Errorf("first %+v, again %+v", first, again)
	}
	if n := len(f.changesAnnounced()); n != 2 {
		t.Errorf("%d changes announced, want 2", n)
	}
}

func testFailedThenDelivered(t *testing.T, open Opener) {
	f := newFixture(t, open)
	id := f.add(newEvents(1)...)[0]
	if e := f.fail(id, "refused"); e.Status != apier.StatusFailed || e.ErrorMessage != "refused" || e.DeliveryLatencyMS != -1 {
		t.Errorf("failed event is %+v", e)
	}
	if e := f.fail(id, "timeout"); e.DeliveryAttempts != 2 || e.ErrorMessage != "timeout" {
		t.Errorf("event failed twice is %+v", e)
	}
	if e := f.deliver(id); e.Status != apier.StatusDelivered || e.DeliveryAttempts != 3 || e.ErrorMessage != "" {
		t.Errorf("delivered event is %+v", e)
	}
	sum := must[store.Summary](t)(f.Summary(t.Context(), acme))
	if want := (store.Summary{Total: 1, Delivered: 1, Seq: 4}); sum != want {
		t.Errorf("summary is %+v, want %+v", sum, want)
	}
}

func testClockBack(t *testing.T, open Opener) {
	f := newFixture(t, open)
	first := f.add(newEvents(1)...)[0]
	f.clock.advance(-10 * time.Second)
	second := f.add(newEvents(1)...)[0]
	a, b := must[apier.Event](t)(f.Event(t.Context(), acme, first)), must[apier.Event](t)(f.Event(t.Context(), acme, second))
	if b.CreatedAt < a.CreatedAt {
		t.Errorf("the later event was created at %v, the earlier at %v", b.CreatedAt, a.CreatedAt)
	}
	f.clock.advance(-time.Hour) // it was wrong before
	if e := f.deliver(first); e.DeliveryLatencyMS != 0 || e.UpdatedAt >= a.CreatedAt {
		t.Errorf("delivered before it was created: %+v", e)
	}
}

func testDelete(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ids := f.add(newEvents(2)...)
	check(t, f.Delete(t.Context(), acme, ids[0]))
	_, err := f.Event(t.Context(), acme, ids[0])
	wantCode(t, err, apier.CodeNotFound)
	if apier.AsError(err).DeletedAt != apier.TimestampOf(f.clock.now()) {
		t.Errorf("a deleted event is %+v", err)
	}
	if _, err = f.Event(t.Context(), other, ids[0]); apier.AsError(err).DeletedAt != 0 {
		t.Errorf("another tenant is told of a deletion: %+v", err)
	}
	wantCode(t, f.Delete(t.Context(), acme, ids[0]), apier.CodeNotFound)
	if left := f.list(store.Filter{}).Events; len(left) != 1 || left[0].ID != ids[1] {
		t.Errorf("left are %+v", left)
	}
}
