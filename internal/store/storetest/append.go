package storetest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func appendTests() map[string]func(*testing.T, Opener) {
	return map[string]func(*testing.T, Opener){
		"append keeps the payload byte for byte":                testPayload,
		"append keeps the order and gives growing seqs":         testAppendOrder,
		"append announces what can be read":                     testAnnounce,
		"append of 64 goroutines loses nothing":                 testConcurrentAppends,
		"append of nothing stores nothing":                      testAppendNothing,
		"event not found":                                       testEventNotFound,
		"events and their order survive a restart":              testReopen,
		"a seq is never used again, after a restart or pruning": testSeqNeverReused,
	}
}

func testPayload(t *testing.T, open Opener) {
	f := newFixture(t, open)
	for _, payload := range []string{
		`{}`, `{ "b" : 1.0,	"a":1e400, "a":2 }`, "{\"s\":\"\\u0000 <&> \u2028 ü 😀\"}",
		`{"long":"` + strings.Repeat("x", 256<<10) + `"}`,
	} {
		id := f.add(apier.NewEvent{Type: "a.b", Source: "s p ü", Payload: []byte(payload)})[0]
		e := must[apier.Event](t)(f.Event(t.Context(), acme, id))
		if string(e.Payload) != payload {
			t.Errorf("payload of %d bytes came back as %.60q", len(payload), e.Payload)
		}
		if e.Source != "s p ü" || e.Status != apier.StatusPending || e.DeliveryLatencyMS != -1 || e.DeliveryAttempts != 0 ||
			e.CreatedAt != apier.TimestampOf(f.clock.now()) || e.UpdatedAt != e.CreatedAt {
			t.Errorf("a new event reads %+.200v", e)
		}
	}
}

func testAppendOrder(t *testing.T, open Opener) {
	f := newFixture(t, open)
	last := f.head()
	var want []apier.EventID
	for _, n := range []int{1, 100, 1000} {
		receipts := must[store.Receipts](t)(f.Append(t.Context(), acme, newEvents(n), nil))
		if len(receipts.Events) != n || receipts.Replayed {
			t.Fatalf("%d receipts for %d events, replayed %v", len(receipts.Events), n, receipts.Replayed)
		}
		for _, r := range receipts.Events {
			if r.Seq <= last {
				t.Fatalf("seq %d after %d", r.Seq, last)
			}
			last = r.Seq
			want = append(want, r.ID)
		}
	}
	page := f.list(store.Filter{OldestFirst: true})
	if !slices.Equal(idsOf(page.Events), want[:1000]) || !page.HasMore || page.Seq != last {
		t.Errorf("the list is not the order of the receipts, or its seq %d is not %d", page.Seq, last)
	}
}

func testAnnounce(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ids := f.add(newEvents(3)...)
	f.deliver(ids[0])
	f.fail(ids[1], "timeout")
	f.deliver(ids[0]) // changes nothing
	check(t, f.Delete(t.Context(), acme, ids[2]))
	changes := f.changesAnnounced() // announced before the calls returned
	kinds := []apier.ChangeKind{apier.Created, apier.Created, apier.Created, apier.Updated, apier.Updated, apier.Deleted}
	if len(changes) != len(kinds) {
		t.Fatalf("%d changes were announced, want %d", len(changes), len(kinds))
	}
	for i, c := range changes {
		if c.Kind != kinds[i] || c.Tenant != acme {
			t.Errorf("change %d is %+v, want kind %d", i, c, kinds[i])
		}
		if i > 0 && c.Seq <= changes[i-1].Seq {
			t.Errorf("announced out of order: seq %d after %d", c.Seq, changes[i-1].Seq)
		}
	}
	if changes[3].PreviousStatus != apier.StatusPending || changes[4].PreviousStatus != apier.StatusPending {
		t.Error("an update without its previous status")
	}
	for _, i := range []int{3, 4} {
		stored := must[apier.Event](t)(f.Event(t.Context(), acme, changes[i].Event.ID))
		if !reflect.DeepEqual(stored, changes[i].Event) {
			t.Errorf("announced\n%+v, stored\n%+v", changes[i].Event, stored)
		}
	}
	gone := changes[5].Event
	want := apier.Event{ID: ids[2], Type: "order.created", Seq: gone.Seq, UpdatedAt: apier.TimestampOf(f.clock.now())}
	if !reflect.DeepEqual(gone, want) {
		t.Errorf("the deletion is\n%+v, want\n%+v", gone, want)
	}
}

func testConcurrentAppends(t *testing.T, open Opener) {
	f := newFixture(t, open)
	const senders, each = 64, 8
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			for j := range each {
				event := newEvent("order.created", fmt.Sprintf("sender-%d-%d", i, j))
				if _, err := f.Append(t.Context(), acme, []apier.NewEvent{event}, nil); err != nil {
					t.Errorf("Append: %v", err)
				}
			}
		})
	}
	wg.Wait()
	sources := make(map[string]bool)
	for _, e := range f.list(store.Filter{}).Events {
		sources[e.Source] = true
	}
	changes := f.changesAnnounced()
	if len(sources) != senders*each || len(changes) != senders*each {
		t.Errorf("%d events stored, %d announced, want %d", len(sources), len(changes), senders*each)
	}
	if !slices.IsSortedFunc(changes, func(a, b apier.Change) int { return int(a.Seq - b.Seq) }) {
		t.Error("not announced in seq order")
	}
}

func testAppendNothing(t *testing.T, open Opener) {
	f := newFixture(t, open)
	receipts := must[store.Receipts](t)(f.Append(t.Context(), acme, nil, nil))
	if len(receipts.Events) != 0 || len(f.changesAnnounced()) != 0 || f.head() != 0 {
		t.Error("an append of nothing left something")
	}
}

func testEventNotFound(t *testing.T, open Opener) {
	f := newFixture(t, open)
	for _, id := range []apier.EventID{"", "evt_", "x", apier.FormatEventID([16]byte{1})} {
		_, err := f.Event(t.Context(), acme, id)
		wantCode(t, err, apier.CodeNotFound)
		_, err = f.Settle(t.Context(), acme, id, store.Outcome{Status: apier.StatusDelivered})
		wantCode(t, err, apier.CodeNotFound)
		wantCode(t, f.Delete(t.Context(), acme, id), apier.CodeNotFound)
	}
	if len(f.changesAnnounced()) != 0 || f.head() != 0 {
		t.Error("a failed operation was announced or took a seq")
	}
}

func testReopen(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ids := f.add(newEvents(5)...)
	f.deliver(ids[1])
	f.fail(ids[2], "no route")
	before, head, epoch := f.list(store.Filter{}), f.head(), must[string](t)(f.Epoch(t.Context()))
	summary := must[store.Summary](t)(f.Summary(t.Context(), acme))
	f.reopen()
	if after := f.list(store.Filter{}); !reflect.DeepEqual(before, after) {
		t.Errorf("before the restart\n%+v, after it\n%+v", before, after)
	}
	if after := must[string](t)(f.Epoch(t.Context())); after != epoch || epoch == "" || f.head() != head {
		t.Errorf("epoch %q and head %d, they were %q and %d", after, f.head(), epoch, head)
	}
	if after := must[store.Summary](t)(f.Summary(t.Context(), acme)); after != summary {
		t.Errorf("summary was %+v, is %+v", summary, after)
	}
}

func testSeqNeverReused(t *testing.T, open Opener) {
	f := newFixture(t, open)
	seen := f.head()
	for range 3 {
		receipts := must[store.Receipts](t)(f.Append(t.Context(), acme, newEvents(2), nil))
		for _, r := range receipts.Events {
			if r.Seq <= seen {
				t.Fatalf("seq %d is used again, %d was given", r.Seq, seen)
			}
			seen = r.Seq
			check(t, f.Delete(t.Context(), acme, r.ID))
		}
		changes := f.changesAnnounced()
		seen = changes[len(changes)-1].Seq
		f.clock.advance(100 * 24 * time.Hour)
		check(t, f.Housekeep(t.Context()))
		f.reopen()
		if head := f.head(); head != seen {
			t.Fatalf("head is %d after the restart, %d was given", head, seen)
		}
	}
}
