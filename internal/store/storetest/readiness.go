package storetest

import (
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func testReadiness(t *testing.T, open Opener) {
	f := newTunedFixture(t, open, func(o *store.Options) { o.InboxOpen = 1 })
	ready := func(group string, after apier.Seq, want bool) store.Readiness {
		t.Helper()
		r := must[store.Readiness](t)(f.Readiness(t.Context(), acme, group, after))
		if r.Ready != want {
			t.Errorf("group %q after %d: %+v", group, after, r)
		}
		return r
	}
	ready("g", 0, true) // a lease would make the group
	must[store.Group](t)(f.PutGroup(t.Context(), acme, store.NewGroup{Name: "g", Types: []string{"x.*"}}))
	if r := ready("g", 0, false); r.Wants == nil || r.Wants.Match(&apier.Event{Type: "a.b"}) || !r.Wants.Match(&apier.Event{Type: "x.b"}) {
		t.Errorf("what the group wants: %+v", r.Wants)
	}
	head := f.head()
	f.add(newEvent("a.b", "s"), newEvent("a.b", "s"))
	if r := ready("g", 0, false); r.Looked != 2 || r.Upto != head+2 || r.Backlog != (store.Backlog{Bound: 1}) {
		t.Errorf("behind two that are not wanted: %+v", r)
	}
	f.add(newEvent("x.y", "s"), newEvent("x.y", "s"))
	ready("g", head+2, true)
	ready("g", head+4, false) // who says so knows
	position := must[[]store.Group](t)(f.Groups(t.Context(), acme))[0].Position
	if position != head {
		t.Errorf("the place moved to %d", position)
	}
	l := f.lease(holder("g", "u"), 5, time.Minute)
	if !l.Backlog.Full() || len(l.Leased) != 1 {
		t.Errorf("%+v", l)
	}
	if r := ready("g", 0, false); !r.Backlog.Full() || r.NextDue != l.Leased[0].Lease.Until {
		t.Errorf("full: %+v", r)
	}
	f.clock.advance(time.Minute)
	ready("g", 0, true)
}
