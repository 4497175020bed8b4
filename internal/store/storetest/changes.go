package storetest

import (
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func changesTests() map[string]func(*testing.T, Opener) {
	return map[string]func(*testing.T, Opener){
		"changes tell created, updated and deleted": testChangeKinds,
		"changes come in pages":                     testChangePages,
		"changes tell that deletions are forgotten": testChangesLost,
	}
}

func (f *fixture) changes(after apier.Seq, limit int) store.ChangePage {
	f.t.Helper()
	return must[store.ChangePage](f.t)(f.Changes(f.t.Context(), acme, after, limit, false))
}

func testChangeKinds(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ids := f.add(newEvents(3)...) // 1 2 3
	after := f.head()
	f.deliver(ids[0])                                                        // 4
	check(t, f.Delete(t.Context(), acme, ids[1]))                            // 5
	late := f.add(newEvents(2)...)                                           // 6 7
	f.fail(late[0], "x")                                                     // 8
	must[store.Receipts](t)(f.Append(t.Context(), other, newEvents(1), nil)) // 1 of its own
	page := f.changes(after, 100)
	want := []struct {
		seq  apier.Seq
		kind apier.ChangeKind
		id   apier.EventID
	}{{4, apier.Updated, ids[0]}, {5, apier.Deleted, ids[1]}, {6, apier.Created, late[0]}, {7, apier.Created, late[1]}, {8, apier.Updated, late[0]}}
	if len(page.Changes) != len(want) || page.More || page.Lost || page.Seq != 8 {
		t.Fatalf("changes are %+v", page)
	}
	for i, w := range want {
		c := page.Changes[i]
		if c.Seq != w.seq || c.Kind != w.kind || c.Event.ID != w.id || c.Tenant != acme {
			t.Errorf("change %d is %+v, want %+v", i, c, w)
		}
		if c.Kind != apier.Deleted && string(c.Event.Payload) == "" {
			t.Errorf("change %d has no payload", i)
		}
	}
	if page := f.changes(page.Seq, 10); len(page.Changes) != 0 || page.Seq != 8 {
		t.Errorf("after the head: %+v", page)
	}
}

func testChangePages(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ids := f.add(newEvents(7)...)
	for _, id := range ids[:3] {
		check(t, f.Delete(t.Context(), acme, id))
	}
	var seqs []apier.Seq
	after := apier.Seq(0)
	for more := true; more; {
		page := f.changes(after, 2)
		for _, c := range page.Changes {
			seqs = append(seqs, c.Seq)
		}
		if page.More && page.Seq != seqs[len(seqs)-1] {
			t.Fatalf("more after seq %d, the last change has %d", page.Seq, seqs[len(seqs)-1])
		}
		more, after = page.More, page.Seq
	}
	if len(seqs) != 7 || seqs[0] != 4 || after != 10 {
		t.Errorf("seqs are %v, the end is %d", seqs, after)
	}
}

func testChangesLost(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ids := f.add(newEvents(2)...)                 // 1 2
	check(t, f.Delete(t.Context(), acme, ids[0])) // 3
	f.clock.advance(7*24*time.Hour - time.Second)
	check(t, f.Delete(t.Context(), acme, ids[1])) // 4
	check(t, f.Housekeep(t.Context()))
	if page := f.changes(2, 10); page.Lost || len(page.Changes) != 2 {
		t.Fatalf("forgotten too early: %+v", page)
	}
	f.clock.advance(2 * time.Second)
	check(t, f.Housekeep(t.Context()))
	if page := f.changes(2, 10); !page.Lost || len(page.Changes) != 0 || page.Seq != 4 {
		t.Errorf("the deletion at 3 is forgotten, but after 2: %+v", page)
	}
	if page := f.changes(3, 10); page.Lost || len(page.Changes) != 1 {
		t.Errorf("nothing after 3 is forgotten, but: %+v", page)
	}
	page := must[store.ChangePage](t)(f.Changes(t.Context(), other, 0, 10, false))
	if page.Lost {
		t.Error("the deletions of one tenant are lost for another")
	}
}
