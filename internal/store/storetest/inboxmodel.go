package storetest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func testInboxModel(t *testing.T, open Opener) {
	f := newFixture(t, open)
	var tenants atomic.Int64
	rapid.Check(t, func(r *rapid.T) {
		m := &inboxModel{
			fixture: f, tenant: apier.TenantID(fmt.Sprintf("tenant-%d", tenants.Add(1))),
			status: map[apier.EventID]apier.Status{}, open: map[string]map[apier.EventID]*heldLease{}, done: map[string]map[apier.EventID]bool{},
		}
		for _, group := range []string{"", "g"} {
			m.open[group], m.done[group] = map[apier.EventID]*heldLease{}, map[apier.EventID]bool{}
		}
		must[store.Group](r)(f.PutGroup(t.Context(), m.tenant, store.NewGroup{Name: "g", FromStart: true}))
		r.Repeat(map[string]func(*rapid.T){
			"append": m.append, "lease": m.lease, "ack": m.ack, "ack an old lease": m.ackOld, "give back": m.giveBack,
			"extend": m.extend, "wait": m.wait, "delete": m.delete,
		})
		m.drain(r)
	})
}

// inboxModel is what consumers of the inbox and of one group should see.
type inboxModel struct {
	*fixture
	tenant apier.TenantID
	order  []apier.EventID // those that are not deleted
	status map[apier.EventID]apier.Status
	open   map[string]map[apier.EventID]*heldLease
	done   map[string]map[apier.EventID]bool
	old    []heldLease // leases that were replaced
}

type heldLease struct {
	lease  store.Lease
	holder store.Holder // Subject "": given back
}

func (m *inboxModel) now() apier.Timestamp { return apier.TimestampOf(m.clock.now()) }

func (m *inboxModel) append(r *rapid.T) {
	receipts := must[store.Receipts](r)(m.Append(m.t.Context(), m.tenant, newEvents(rapid.IntRange(1, 3).Draw(r, "n")), nil))
	for _, e := range receipts.Events {
		m.order = append(m.order, e.ID)
		m.status[e.ID] = apier.StatusPending
	}
}

func (m *inboxModel) who(r *rapid.T) store.Holder {
	return holder(rapid.SampledFrom([]string{"", "g"}).Draw(r, "group"), rapid.SampledFrom([]string{"a", "b"}).Draw(r, "who"))
}

// free reports whether an event may be handed out in a group.
func (m *inboxModel) free(group string, id apier.EventID) bool {
	held := m.open[group][id]
	if group == "" && m.status[id] != apier.StatusPending || m.done[group][id] {
		return false
	}
	return held == nil || held.lease.Until <= m.now()
}

func (m *inboxModel) lease(r *rapid.T) {
	m.leaseAs(r, m.who(r), rapid.IntRange(1, 4).Draw(r, "limit"))
}

func (m *inboxModel) leaseAs(r *rapid.T, h store.Holder, limit int) int {
	expected := 0
	for _, id := range m.order {
		if m.free(h.Group, id) {
			expected++
		}
	}
	got := must[store.Leases](r)(m.Lease(m.t.Context(), m.tenant, store.LeaseRequest{Holder: h, Limit: limit, For: time.Minute}))
	if len(got.Leased) != min(expected, limit) {
		r.Fatalf("%v got %d events, %d are free", h, len(got.Leased), expected)
	}
	for _, l := range got.Leased {
		if !m.free(h.Group, l.Event.ID) {
			r.Fatalf("%s was handed out to %v and is not free", l.Event.ID, h)
		}
		before := m.open[h.Group][l.Event.ID]
		deliveries := 1
		if before != nil {
			deliveries = before.lease.Deliveries + 1
			m.old = append(m.old, *before)
		}
		if l.Lease.Deliveries != deliveries {
			r.Fatalf("%d hand-outs, want %d", l.Lease.Deliveries, deliveries)
		}
		m.open[h.Group][l.Event.ID] = &heldLease{l.Lease, h}
	}
	return len(got.Leased)
}

// anyLease draws an open lease, in the order of events.
func (m *inboxModel) anyLease(r *rapid.T) *heldLease {
	var all []*heldLease
	for _, group := range []string{"", "g"} {
		for _, id := range m.order {
			settled := group == "" && m.status[id] != apier.StatusPending // by the group, in passing
			if l := m.open[group][id]; l != nil && l.holder.Subject != "" && !settled {
				all = append(all, l)
			}
		}
	}
	if len(all) == 0 {
		r.Skip("no lease")
	}
	return all[rapid.IntRange(0, len(all)-1).Draw(r, "lease")]
}

func (m *inboxModel) ack(r *rapid.T) {
	l := m.anyLease(r)
	ref := store.LeaseRef{Event: l.lease.Event}
	if rapid.Bool().Draw(r, "by id") {
		ref.ID = l.lease.ID
	}
	m.ackRef(r, l.holder, ref)
}

func (m *inboxModel) ackRef(r *rapid.T, h store.Holder, ref store.LeaseRef) {
	for range 2 { // twice is harmless
		got := must[[]store.Acknowledgement](r)(m.Acknowledge(m.t.Context(), m.tenant, h, []store.LeaseRef{ref}))[0]
		if got.Err != nil {
			r.Fatalf("%v of %v: %v", ref, h, got.Err)
		}
		m.done[h.Group][ref.Event] = true
		delete(m.open[h.Group], ref.Event)
		m.status[ref.Event] = apier.StatusDelivered // there is one group besides
		if got.Event.Status != apier.StatusDelivered {
			r.Fatalf("acknowledged, and %s", got.Event.Status)
		}
	}
}

// ackOld: a lease that was replaced ends nothing.
func (m *inboxModel) ackOld(r *rapid.T) {
	if len(m.old) == 0 {
		r.Skip("no old lease")
	}
	l := m.old[rapid.IntRange(0, len(m.old)-1).Draw(r, "old")]
	got := must[[]store.Acknowledgement](r)(m.Acknowledge(m.t.Context(), m.tenant, l.holder, []store.LeaseRef{{Event: l.lease.Event, ID: l.lease.ID}}))[0]
	settled := m.done[l.holder.Group][l.lease.Event] || l.holder.Group == "" && m.status[l.lease.Event] != apier.StatusPending
	_, exists := m.status[l.lease.Event]
	switch {
	case !exists && (got.Err == nil || got.Err.Code != apier.CodeNotFound):
		r.Fatalf("the event is gone: %v", got.Err)
	case exists && settled && got.Err != nil:
		r.Fatalf("it was acknowledged before: %v", got.Err)
	case exists && !settled && (got.Err == nil || got.Err.Code != apier.CodeConflict):
		r.Fatalf("an old lease: %v", got.Err)
	}
}

func (m *inboxModel) giveBack(r *rapid.T) {
	l := m.anyLease(r)
	delay := time.Duration(rapid.IntRange(0, 90).Draw(r, "delay")) * time.Second
	l.lease = must[store.Lease](r)(m.GiveBack(m.t.Context(), m.tenant, l.holder, store.LeaseRef{Event: l.lease.Event}, delay))
	l.holder.Subject = ""
}

func (m *inboxModel) extend(r *rapid.T) {
	l := m.anyLease(r)
	l.lease = must[store.Lease](r)(m.Extend(m.t.Context(), m.tenant, l.holder, store.LeaseRef{Event: l.lease.Event, ID: l.lease.ID}, time.Minute))
}

func (m *inboxModel) wait(r *rapid.T) {
	m.clock.advance(time.Duration(rapid.IntRange(0, 90).Draw(r, "seconds")) * time.Second)
}

func (m *inboxModel) delete(r *rapid.T) {
	if len(m.order) == 0 {
		r.Skip("no event")
	}
	i := rapid.IntRange(0, len(m.order)-1).Draw(r, "event")
	id := m.order[i]
	check(r, m.Delete(m.t.Context(), m.tenant, id))
	m.order = append(m.order[:i:i], m.order[i+1:]...)
	delete(m.status, id)
	for _, group := range []string{"", "g"} {
		delete(m.open[group], id)
		delete(m.done[group], id)
	}
}

// drain: whoever asks long enough has everything in the end.
func (m *inboxModel) drain(r *rapid.T) {
	for _, group := range []string{"g", ""} {
		m.clock.advance(time.Hour)
		h := holder(group, "last")
		for m.leaseAs(r, h, 100) > 0 {
			for id, l := range m.open[group] {
				if l.holder == h {
					m.ackRef(r, h, store.LeaseRef{Event: id, ID: l.lease.ID})
				}
			}
		}
	}
	for id, status := range m.status {
		if !m.done["g"][id] || status != apier.StatusDelivered {
			r.Fatalf("%s is %s in the end", id, status)
		}
	}
}
