package storetest

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func modelTests() map[string]func(*testing.T, Opener) {
	return map[string]func(*testing.T, Opener){
		"whatever happens, store and followers agree with the model": testModel,
	}
}

// modelRetention is of events; the waits of the model reach beyond it.
const modelRetention = 100 * time.Hour

func testModel(t *testing.T, open Opener) {
	f := newTunedFixture(t, open, func(o *store.Options) { o.EventRetention = modelRetention })
	var tenants atomic.Int64 // one per run, in the same store: so they are isolated, too
	rapid.Check(t, func(r *rapid.T) {
		m := &model{
			fixture: f, r: r, events: map[apier.EventID]apier.Event{},
			tenant: apier.TenantID(fmt.Sprintf("tenant-%d", tenants.Add(1))),
		}
		m.announcedBefore = len(f.changesAnnounced())
		for range 3 {
			m.followers = append(m.followers, &follower{events: map[apier.EventID]apier.Event{}})
		}
		r.Repeat(map[string]func(*rapid.T){
			"append": m.append, "settle": m.settle, "erase": m.erase, "delete": m.delete, "wait": m.wait,
			"housekeep": m.housekeep, "follow": m.follow, "": m.checkSummary,
		})
		m.checkEnd()
	})
}

// model is what a store with one tenant should hold.
type model struct {
	*fixture
	r               *rapid.T
	tenant          apier.TenantID
	events          map[apier.EventID]apier.Event
	followers       []*follower
	announcedBefore int
	activity        store.MinutePoint // all minutes together
}

// follower knows the events by Changes alone, and by List when it is told that it lost some.
type follower struct {
	at     apier.Seq
	events map[apier.EventID]apier.Event
}

func (m *model) append(r *rapid.T) {
	m.r = r
	events := newEvents(rapid.IntRange(1, 4).Draw(r, "n"))
	receipts := must[store.Receipts](r)(m.Append(m.t.Context(), m.tenant, events, nil))
	for i, receipt := range receipts.Events {
		m.events[receipt.ID] = apier.Event{
			ID: receipt.ID, Type: events[i].Type, Source: events[i].Source, Payload: events[i].Payload,
			Status: apier.StatusPending, CreatedAt: receipt.CreatedAt, UpdatedAt: receipt.CreatedAt,
			DeliveryLatencyMS: -1, Seq: receipt.Seq,
		}
	}
	m.activity.Created += int64(len(events))
}

// anyEvent draws an event; the draw must not depend on the ids, which differ from run to run.
func (m *model) anyEvent(r *rapid.T) apier.Event {
	if len(m.events) == 0 {
		r.Skip("no event")
	}
	sorted := slices.SortedFunc(maps.Values(m.events), func(a, b apier.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	return sorted[rapid.IntRange(0, len(sorted)-1).Draw(r, "event")]
}

func (m *model) settle(r *rapid.T) {
	want := m.anyEvent(r)
	outcome := store.Outcome{Status: apier.StatusDelivered}
	if rapid.Bool().Draw(r, "fails") {
		outcome = store.Outcome{Status: apier.StatusFailed, ErrorMessage: rapid.SampledFrom([]string{"timeout", "refused"}).Draw(r, "error")}
	}
	got := must[apier.Event](r)(m.Settle(m.t.Context(), m.tenant, want.ID, outcome))
	if want.Status != apier.StatusDelivered || outcome.Status != apier.StatusDelivered {
		want.Seq = got.Seq
		want.Status, want.ErrorMessage, want.DeliveryLatencyMS = outcome.Status, outcome.ErrorMessage, -1
		want.DeliveryAttempts++
		want.UpdatedAt = apier.TimestampOf(m.clock.now())
		want.LastDeliveryAttempt = want.UpdatedAt
		if outcome.Status == apier.StatusDelivered {
			want.DeliveryLatencyMS = int64(want.UpdatedAt - want.CreatedAt)
			m.activity.Delivered++
		} else {
			m.activity.Failed++
		}
	}
	if !reflect.DeepEqual(got, want) {
		r.Fatalf("settled event is\n%+v, want\n%+v", got, want)
	}
	m.events[want.ID] = want
}

func (m *model) delete(r *rapid.T) {
	e := m.anyEvent(r)
	check(r, m.Delete(m.t.Context(), m.tenant, e.ID))
	delete(m.events, e.ID)
}

// wait housekeeps at once: the store does so by itself, at some time, and the model must know when.
func (m *model) wait(r *rapid.T) {
	m.clock.advance(time.Duration(rapid.IntRange(0, 60).Draw(r, "hours")) * time.Hour)
	m.housekeep(r)
}

// housekeep: what is too old leaves in silence. Followers drop it by themselves.
func (m *model) housekeep(r *rapid.T) {
	check(r, m.Housekeep(m.t.Context()))
	m.dropOld(m.events)
}

func (m *model) dropOld(events map[apier.EventID]apier.Event) {
	oldest := apier.TimestampOf(m.clock.now().Add(-modelRetention))
	maps.DeleteFunc(events, func(_ apier.EventID, e apier.Event) bool { return e.CreatedAt < oldest })
}

func (m *model) erase(r *rapid.T) {
	want := m.anyEvent(r)
	got := must[apier.Event](r)(m.EraseEvent(m.t.Context(), m.tenant, want.ID))
	if !want.Erased {
		want.Payload, want.Erased = []byte("{}"), true
		want.Seq, want.UpdatedAt = got.Seq, apier.TimestampOf(m.clock.now())
		if want.Status == apier.StatusPending {
			want.Status, want.ErrorMessage = apier.StatusFailed, "erased before it was delivered"
			m.activity.Failed++
		}
	}
	if !reflect.DeepEqual(got, want) {
		r.Fatalf("erased event is\n%+v, want\n%+v", got, want)
	}
	m.events[want.ID] = want
}

func (m *model) follow(r *rapid.T) {
	who := rapid.SampledFrom([]int{0, 1, 2}).Draw(r, "who")
	m.step(r, m.followers[who], rapid.IntRange(1, 5).Draw(r, "limit"))
}

// step reads one page of changes; false once the follower is up to date.
func (m *model) step(r failer, f *follower, limit int) bool {
	page := must[store.ChangePage](r)(m.Changes(m.t.Context(), m.tenant, f.at, limit, false))
	if page.Lost {
		list := must[store.Page](r)(m.List(m.t.Context(), m.tenant, store.Filter{Limit: 1000}))
		clear(f.events)
		for _, e := range list.Events {
			f.events[e.ID] = e
		}
		f.at = list.Seq
		return true
	}
	for _, c := range page.Changes {
		if c.Seq <= f.at {
			r.Fatalf("change %d comes after %d", c.Seq, f.at)
		}
		f.at = c.Seq
		f.apply(r, c)
	}
	f.at = page.Seq
	return page.More
}

// apply changes what the follower knows. A created event may be known if the follower read a list.
func (f *follower) apply(r failer, c apier.Change) {
	_, known := f.events[c.Event.ID]
	switch {
	case c.Kind == apier.Deleted:
		delete(f.events, c.Event.ID)
		return
	case c.Kind == apier.Updated && !known:
		r.Fatalf("update of an event that was never created: %+v", c)
	case c.Kind == apier.Created && known:
		r.Fatalf("created twice: %+v", c)
	}
	f.events[c.Event.ID] = c.Event
}

func (m *model) checkSummary(r *rapid.T) {
	got := must[store.Summary](r)(m.Summary(m.t.Context(), m.tenant))
	want := store.Summary{Total: int64(len(m.events)), Seq: got.Seq}
	for _, e := range m.events {
		switch e.Status {
		case apier.StatusPending:
			want.Pending++
		case apier.StatusDelivered:
			want.Delivered++
		case apier.StatusFailed:
			want.Failed++
		}
	}
	if got != want {
		r.Fatalf("summary is %+v, a recount gives %+v", got, want)
	}
}

func (m *model) checkEnd() {
	check(m.r, m.Housekeep(m.t.Context()))
	m.dropOld(m.events)
	announced := &follower{events: map[apier.EventID]apier.Event{}}
	for _, c := range m.changesAnnounced()[m.announcedBefore:] {
		if c.Tenant == m.tenant {
			c.PreviousStatus = ""
			announced.apply(m.r, c)
		}
	}
	for _, f := range m.followers {
		for m.step(m.r, f, 3) {
			continue
		}
	}
	list := &follower{events: map[apier.EventID]apier.Event{}}
	for _, e := range must[store.Page](m.r)(m.List(m.t.Context(), m.tenant, store.Filter{Limit: 1000})).Events {
		list.events[e.ID] = e
	}
	for i, f := range append(m.followers, announced, list) {
		m.dropOld(f.events)
		if !reflect.DeepEqual(f.events, m.events) {
			m.r.Fatalf("follower %d (3: announced, 4: list) ends with\n%+v, want\n%+v", i, f.events, m.events)
		}
	}
	m.checkActivity()
}

// checkActivity holds the minutes against what was done, unless some were old enough to be removed.
func (m *model) checkActivity() {
	var sum store.MinutePoint
	for _, p := range must[store.Throughput](m.r)(m.Throughput(m.t.Context(), m.tenant, time.Time{})).Series {
		sum.Created += p.Created
		sum.Delivered += p.Delivered
		sum.Failed += p.Failed
	}
	if sum.Created > m.activity.Created || sum.Delivered > m.activity.Delivered || sum.Failed > m.activity.Failed {
		m.r.Fatalf("activity of %+v, only %+v was done", sum, m.activity)
	}
}
