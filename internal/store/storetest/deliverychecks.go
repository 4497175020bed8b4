package storetest

import (
	"reflect"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// deliveryFollower knows deliveries and endpoints by Changes alone.
type deliveryFollower struct {
	at         apier.Seq
	deliveries map[apier.DeliveryID]apier.Delivery
	endpoints  map[apier.EndpointID]apier.Endpoint
}

func (m *deliveryModel) follow(r *rapid.T) { m.readChanges(rapid.IntRange(1, 4).Draw(r, "limit")) }

// readChanges reads one page; false once the follower is up to date.
func (m *deliveryModel) readChanges(limit int) bool {
	f := &m.follower
	page := must[store.ChangePage](m.r)(m.Changes(m.t.Context(), m.tenant, f.at, limit, true))
	if page.Lost || len(page.Changes) > limit {
		m.r.Fatalf("%d changes, lost %v", len(page.Changes), page.Lost)
	}
	for _, c := range page.Changes {
		if c.Seq <= f.at || c.Tenant != m.tenant {
			m.r.Fatalf("change %d of %s comes after %d", c.Seq, c.Tenant, f.at)
		}
		f.at = c.Seq
		switch {
		case c.Delivery != nil:
			f.deliveries[c.Delivery.ID] = *c.Delivery
		case c.Endpoint != nil:
			f.endpoints[c.Endpoint.ID] = *c.Endpoint
		case c.Gone != "":
			delete(f.endpoints, c.Gone)
		}
	}
	f.at = page.Seq
	return page.More
}

// checkFollower: whoever reads all changes ends with the state of the store. A lease is no change.
func (m *deliveryModel) checkFollower() {
	for m.readChanges(3) {
		continue
	}
	for _, d := range m.deliveries {
		want := must[apier.Delivery](m.r)(m.Delivery(m.t.Context(), m.tenant, d.id))
		if got := m.follower.deliveries[d.id]; got.Status != want.Status || got.Attempts != want.Attempts || got.Seq != want.Seq {
			m.r.Fatalf("the follower knows\n%+v, want\n%+v", got, want)
		}
	}
	want := map[apier.EndpointID]apier.Endpoint{}
	for _, e := range must[store.EndpointPage](m.r)(m.Endpoints(m.t.Context(), m.tenant, store.PageOf[apier.EndpointID]{Limit: 100})).Endpoints {
		want[e.ID] = e
	}
	if !reflect.DeepEqual(m.follower.endpoints, want) {
		m.r.Fatalf("the follower knows\n%+v, want\n%+v", m.follower.endpoints, want)
	}
}

func (m *deliveryModel) checkCounters() {
	r := m.r
	for _, e := range m.living() {
		want := map[apier.DeliveryStatus]int64{}
		for _, d := range m.deliveries {
			if d.endpoint == e {
				want[d.status]++
			}
		}
		got := must[apier.Endpoint](r)(m.Endpoint(m.t.Context(), m.tenant, e.id))
		if got.Pending != want[apier.DeliveryPending] || got.Delivered != want[apier.DeliveryDelivered] || got.Failed != want[apier.DeliveryFailed] ||
			got.Status != e.status || got.HoldUntil != e.hold {
			r.Fatalf("endpoint is %+v, want %s, hold %v and %v", got, e.status, e.hold, want)
		}
	}
	want := store.Summary{}
	for _, e := range m.events {
		if e.gone {
			continue
		}
		want.Total++
		switch e.status {
		case apier.StatusPending:
			want.Pending++
		case apier.StatusDelivered:
			want.Delivered++
		case apier.StatusFailed:
			want.Failed++
		}
	}
	got := must[store.Summary](r)(m.Summary(m.t.Context(), m.tenant))
	if want.Seq = got.Seq; got != want {
		r.Fatalf("summary is %+v, want %+v", got, want)
	}
}

// checkAll compares every delivery and event, and the inbox.
func (m *deliveryModel) checkAll() {
	m.checkCounters()
	open := map[*modelEvent]bool{}
	for _, d := range m.deliveries {
		open[d.event] = open[d.event] || d.status == apier.DeliveryPending
		got := must[apier.Delivery](m.r)(m.Delivery(m.t.Context(), m.tenant, d.id))
		if got.Status != d.status || got.Attempts != d.attempts || (got.BlockedBy != "") != m.waits(d) || got.LeasedUntil != d.leased {
			m.r.Fatalf("delivery is %+v, want %+v", got, d)
		}
	}
	var inbox []apier.EventID
	for _, e := range m.events {
		if e.gone {
			continue
		}
		got := must[apier.Event](m.r)(m.Event(m.t.Context(), m.tenant, e.id))
		if got.Status != e.status || got.DeliveryAttempts != e.attempts {
			m.r.Fatalf("event is %+v, want %s and %d attempts", got, e.status, e.attempts)
		}
		if e.status == apier.StatusPending && !open[e] {
			inbox = append(inbox, e.id)
		}
	}
	page := must[store.Page](m.r)(m.List(m.t.Context(), m.tenant, store.Filter{Status: apier.StatusPending, Inbox: true, OldestFirst: true, Limit: 1000}))
	if got := idsOf(page.Events); !slices.Equal(got, inbox) {
		m.r.Fatalf("the inbox holds %v, want %v", got, inbox)
	}
}

func (m *deliveryModel) waits(d *modelDelivery) bool {
	return d.status == apier.DeliveryPending && d.key != "" && !d.turn
}

// drain makes every endpoint answer: in the end nothing is pending, each key went in order.
func (m *deliveryModel) drain() {
	for _, e := range m.living() {
		must[apier.Endpoint](m.r)(m.UpdateEndpoint(m.t.Context(), m.tenant, e.id, func(e *apier.Endpoint) error { e.Status = apier.EndpointActive; return nil }))
		if e.status != apier.EndpointActive {
			e.status, e.hold = apier.EndpointActive, 0
		}
		for range 4*len(m.deliveries) + 4 {
			m.clock.advance(time.Minute)
			for _, c := range m.claimOf(e, 3) {
				m.finishBy(c, apier.Attempt{StartedAt: m.at(), StatusCode: 200}, store.Verdict{Status: apier.DeliveryDelivered})
			}
			if m.nothingPends(e) {
				break
			}
		}
		if !m.nothingPends(e) {
			m.r.Fatalf("deliveries to %s are stuck", e.id)
		}
	}
	lanes := must[[]store.Lane](m.r)(m.Lanes(m.t.Context()))
	if slices.ContainsFunc(lanes, func(l store.Lane) bool { return l.Tenant == m.tenant }) {
		m.r.Fatalf("there is nothing to do, but lanes are %+v", lanes)
	}
}

func (m *deliveryModel) nothingPends(e *modelEndpoint) bool {
	return !slices.ContainsFunc(m.deliveries, func(d *modelDelivery) bool { return d.endpoint == e && d.status == apier.DeliveryPending })
}
