package storetest

import (
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func idempotencyTests() map[string]func(*testing.T, Opener) {
	return map[string]func(*testing.T, Opener){
		"a repeated key replays the receipts":          testReplay,
		"a key used with another request is conflict":  testKeyConflict,
		"concurrent duplicates store one event":        testConcurrentDuplicates,
		"a key belongs to its tenant":                  testKeyOfTenant,
		"a key is forgotten after its retention":       testKeyForgotten,
		"a key is forgotten before housekeeping comes": testKeyForgottenInTime,
		"a replay works after a deletion and a reopen": testReplayAfterDelete,
	}
}

func key(name string, body byte) *store.IdempotencyKey {
	return &store.IdempotencyKey{Key: name, RequestHash: [32]byte{body}}
}

func testReplay(t *testing.T, open Opener) {
	f := newFixture(t, open)
	first := must[store.Receipts](t)(f.Append(t.Context(), acme, newEvents(3), key("k", 1)))
	f.add(newEvents(1)...)
	f.clock.advance(time.Hour)
	again := must[store.Receipts](t)(f.Append(t.Context(), acme, newEvents(3), key("k", 1)))
	if first.Replayed || !again.Replayed || !reflect.DeepEqual(first.Events, again.Events) {
		t.Errorf("first %+v, again %+v", first, again)
	}
	if n := len(f.changesAnnounced()); n != 4 {
		t.Errorf("%d changes announced, want 4", n)
	}
}

func testKeyConflict(t *testing.T, open Opener) {
	f := newFixture(t, open)
	must[store.Receipts](t)(f.Append(t.Context(), acme, newEvents(1), key("k", 1)))
	_, err := f.Append(t.Context(), acme, newEvents(2), key("k", 2))
	wantCode(t, err, apier.CodeConflict)
	if n := len(f.changesAnnounced()); n != 1 || len(f.list(store.Filter{}).Events) != 1 || f.head() != 1 {
		t.Errorf("a conflict left something: %d changes announced", n)
	}
}

func testConcurrentDuplicates(t *testing.T, open Opener) {
	f := newFixture(t, open)
	const senders = 32
	receipts := make([]store.Receipts, senders)
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			var err error
			if receipts[i], err = f.Append(t.Context(), acme, newEvents(2), key("k", 1)); err != nil {
				t.Errorf("Append: %v", err)
			}
		})
	}
	wg.Wait()
	originals := 0
	for _, r := range receipts {
		if !r.Replayed {
			originals++
		}
		if !reflect.DeepEqual(r.Events, receipts[0].Events) {
			t.Errorf("receipts differ: %+v, %+v", r.Events, receipts[0].Events)
		}
	}
	if n := len(f.list(store.Filter{}).Events); originals != 1 || n != 2 {
		t.Errorf("%d originals, %d events stored", originals, n)
	}
}

func testKeyOfTenant(t *testing.T, open Opener) {
	f := newFixture(t, open)
	must[store.Receipts](t)(f.Append(t.Context(), acme, newEvents(1), key("k", 1)))
	theirs := must[store.Receipts](t)(f.Append(t.Context(), other, newEvents(1), key("k", 2)))
	if theirs.Replayed {
		t.Error("the key of another tenant was replayed")
	}
}

func testKeyForgotten(t *testing.T, open Opener) {
	f := newFixture(t, open)
	must[store.Receipts](t)(f.Append(t.Context(), acme, newEvents(1), key("k", 1)))
	f.clock.advance(7*24*time.Hour - time.Second)
	check(t, f.Housekeep(t.Context()))
	if r := must[store.Receipts](t)(f.Append(t.Context(), acme, newEvents(1), key("k", 1))); !r.Replayed {
		t.Error("forgotten too early")
	}
	f.clock.advance(2 * time.Second)
	check(t, f.Housekeep(t.Context()))
	if r := must[store.Receipts](t)(f.Append(t.Context(), acme, newEvents(1), key("k", 1))); r.Replayed {
		t.Error("remembered too long")
	}
}

// A key is forgotten when it says so, however seldom housekeeping comes.
func testKeyForgottenInTime(t *testing.T, open Opener) {
	f := newTunedFixture(t, open, func(o *store.Options) { o.IdempotencyRetention = 2 * time.Second })
	first := must[store.Receipts](t)(f.Append(t.Context(), acme, newEvents(1), key("k", 1)))
	f.clock.advance(time.Second)
	if r := must[store.Receipts](t)(f.Append(t.Context(), acme, newEvents(1), key("k", 1))); !r.Replayed {
		t.Error("forgotten too early")
	}
	f.clock.advance(1001 * time.Millisecond)
	again := must[store.Receipts](t)(f.Append(t.Context(), acme, newEvents(1), key("k", 2)))
	if again.Replayed || again.Events[0].ID == first.Events[0].ID {
		t.Errorf("remembered too long: %+v", again)
	}
	if r := must[store.Receipts](t)(f.Append(t.Context(), acme, newEvents(1), key("k", 2))); !r.Replayed || r.Events[0].ID != again.Events[0].ID {
		t.Errorf("the key stands for the later request: %+v", r)
	}
}

func testReplayAfterDelete(t *testing.T, open Opener) {
	f := newFixture(t, open)
	first := must[store.Receipts](t)(f.Append(t.Context(), acme, newEvents(1), key("k", 1)))
	check(t, f.Delete(t.Context(), acme, first.Events[0].ID))
	f.reopen()
	again := must[store.Receipts](t)(f.Append(t.Context(), acme, newEvents(1), key("k", 1)))
	if !again.Replayed || !reflect.DeepEqual(first.Events, again.Events) || len(f.list(store.Filter{}).Events) != 0 {
		t.Errorf("first %+v, again %+v", first, again)
	}
}
