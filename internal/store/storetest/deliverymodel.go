package storetest

import (
	"encoding/json"
	"flag"
	"fmt"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func deliveryModelTests() map[string]func(*testing.T, Opener) {
	return map[string]func(*testing.T, Opener){
		"no delivery is lost, stuck or held by two, whatever happens": testDeliveryModel,
	}
}

func testDeliveryModel(t *testing.T, open Opener) {
	f := newFixture(t, open)
	begun, passed, most := 0, 0, deliveryRuns()
	rapid.Check(t, func(r *rapid.T) {
		if passed == begun && passed >= most { // once a run has failed, all are needed to make it small
			return
		}
		begun++
		m := &deliveryModel{
			fixture: f, r: r, tenant: apier.TenantID(fmt.Sprintf("tenant-%d", begun)), // of its own, in the same store
			follower: deliveryFollower{deliveries: map[apier.DeliveryID]apier.Delivery{}, endpoints: map[apier.EndpointID]apier.Endpoint{}},
		}
		steps := map[string]func(*rapid.T){
			"endpoint": m.createEndpoint, "append": m.append, "append more": m.append, "claim": m.claim, "claim more": m.claim,
			"finish": m.finish, "finish more": m.finish, "release": m.release, "wait": m.wait, "retry": m.retry, "acknowledge": m.acknowledge,
			"delete event": m.deleteEvent, "status": m.setStatus, "delete endpoint": m.deleteEndpoint, "recover": m.recoverFailed,
			"replay": m.replay, "reopen": m.reopenStore, "follow": m.follow,
		}
		for name, step := range steps {
			steps[name] = func(r *rapid.T) { m.r = r; step(r) }
		}
		r.Repeat(steps)
		m.checkAll()
		m.drain()
		m.checkAll()
		m.checkFollower()
		passed++
	})
}

// deliveryRuns is a quarter of -rapid.checks: each run writes hundreds of times, and then drains.
func deliveryRuns() int {
	checks, _ := strconv.Atoi(flag.Lookup("rapid.checks").Value.String()) // rapid's own flag is a number
	return max(checks/4, 1)
}

// deliveryModel is what a store with one tenant should hold. Lists are in the order of creation.
type deliveryModel struct {
	*fixture
	r          *rapid.T
	tenant     apier.TenantID
	endpoints  []*modelEndpoint
	events     []*modelEvent
	deliveries []*modelDelivery
	claims     []modelClaim // also those that do not hold any more
	follower   deliveryFollower
}

type modelEndpoint struct {
	id      apier.EndpointID
	globs   []string
	ordered bool
	status  apier.EndpointStatus
	hold    apier.Timestamp
	gone    bool
}

type modelEvent struct {
	id       apier.EventID
	typ, key string
	status   apier.Status
	attempts int
	gone     bool
}

type modelDelivery struct {
	id       apier.DeliveryID
	endpoint *modelEndpoint
	event    *modelEvent
	key      string
	status   apier.DeliveryStatus
	attempts int
	due      apier.Timestamp
	leased   apier.Timestamp // 0: no lease
	holder   int             // counts who may finish it
	turn     bool            // of its key
}

type modelClaim struct {
	delivery *modelDelivery
	holder   int
	claimed  store.Claimed
}

func (m *deliveryModel) at() apier.Timestamp { return apier.TimestampOf(m.clock.now()) }

// pick draws one of a list; the draw must not depend on ids, which differ from run to run.
func pick[T any](r *rapid.T, name string, list []T) T {
	if len(list) == 0 {
		r.Skip("no " + name)
	}
	return list[rapid.IntRange(0, len(list)-1).Draw(r, name)]
}

func (m *deliveryModel) living() (living []*modelEndpoint) {
	for _, e := range m.endpoints {
		if !e.gone {
			living = append(living, e)
		}
	}
	return living
}

func (m *deliveryModel) createEndpoint(r *rapid.T) {
	if len(m.living()) >= 3 {
		r.Skip("enough endpoints")
	}
	e := &modelEndpoint{globs: rapid.SampledFrom([][]string{nil, {"a.*"}, {"b.*", "a.x"}}).Draw(r, "globs"), ordered: rapid.Bool().Draw(r, "ordered"), status: apier.EndpointActive}
	settings := apier.Endpoint{URL: "https://shop.example", Types: e.globs}
	if e.ordered {
		settings.OrderKey = "key"
	}
	e.id = must[apier.Endpoint](r)(m.CreateEndpoint(m.t.Context(), m.tenant, settings, []byte("secret"))).ID
	m.endpoints = append(m.endpoints, e)
}

func (m *deliveryModel) append(r *rapid.T) {
	events := make([]apier.NewEvent, rapid.IntRange(1, 2).Draw(r, "n"))
	keys := make([]string, len(events))
	for i := range events {
		keys[i] = rapid.SampledFrom([]string{"", "red", "blue"}).Draw(r, "key")
		payload, _ := json.Marshal(map[string]string{"key": keys[i]}) // of text: always marshals
		events[i] = apier.NewEvent{Type: rapid.SampledFrom([]string{"a.x", "a.y", "b.x"}).Draw(r, "type"), Source: "shop", Payload: payload}
	}
	receipts := must[store.Receipts](r)(m.Append(m.t.Context(), m.tenant, events, nil))
	for i, receipt := range receipts.Events {
		m.route(&modelEvent{id: receipt.ID, typ: events[i].Type, key: keys[i], status: apier.StatusPending})
	}
}

// route makes the deliveries of a new event.
func (m *deliveryModel) route(event *modelEvent) {
	m.events = append(m.events, event)
	for _, e := range m.endpoints {
		if !e.gone && e.status != apier.EndpointDisabled && apier.TypesMatch(e.globs, event.typ) {
			m.send(event, e)
		}
	}
}

func (m *deliveryModel) send(event *modelEvent, e *modelEndpoint) {
	d := &modelDelivery{endpoint: e, event: event, status: apier.DeliveryPending, due: m.at()}
	if e.ordered {
		d.key = event.key
	}
	for _, found := range m.list(store.DeliveryFilter{Event: event.id}) {
		if found.EndpointID == e.id {
			d.id = found.ID
		}
	}
	if d.id == "" {
		m.r.Fatalf("event %s has no delivery to %s", event.id, e.id)
	}
	d.turn = !m.taken(d)
	m.deliveries = append(m.deliveries, d)
}

func (m *deliveryModel) list(filter store.DeliveryFilter) []apier.Delivery {
	filter.Limit = 1000
	return must[store.DeliveryPage](m.r)(m.ListDeliveries(m.t.Context(), m.tenant, filter)).Deliveries
}

// taken reports whether another delivery of the same order key has the turn.
func (m *deliveryModel) taken(d *modelDelivery) bool {
	for _, o := range m.deliveries {
		if o != d && d.key != "" && o.endpoint == d.endpoint && o.key == d.key && o.status == apier.DeliveryPending && o.turn {
			return true
		}
	}
	return false
}

// end ends a delivery, and hands its turn on.
func (m *deliveryModel) end(d *modelDelivery, status apier.DeliveryStatus) {
	had := d.turn
	d.status, d.turn, d.leased = status, false, 0
	if !had || d.key == "" {
		return
	}
	for _, o := range m.deliveries {
		if o.endpoint == d.endpoint && o.key == d.key && o.status == apier.DeliveryPending {
			o.turn, o.due = true, m.at()
			return
		}
	}
}

// restate gives an event the status that follows from its deliveries.
func (m *deliveryModel) restate(e *modelEvent) {
	count := map[apier.DeliveryStatus]int{}
	for _, d := range m.deliveries {
		if d.event == e {
			count[d.status]++
		}
	}
	switch {
	case count[apier.DeliveryFailed] > 0:
		e.status = apier.StatusFailed
	case e.status == apier.StatusDelivered:
	case count[apier.DeliveryPending] > 0 || count[apier.DeliveryDelivered] == 0:
		e.status = apier.StatusPending
	default:
		e.status = apier.StatusDelivered
	}
}

func (m *deliveryModel) wait(r *rapid.T) {
	m.clock.advance(time.Duration(rapid.IntRange(0, 90).Draw(r, "seconds")) * time.Second)
}

func (m *deliveryModel) reopenStore(r *rapid.T) {
	if rapid.IntRange(0, 3).Draw(r, "chance") == 0 {
		m.reopen()
	}
}

func (m *deliveryModel) livingEvent(r *rapid.T) *modelEvent {
	var living []*modelEvent
	for _, e := range m.events {
		if !e.gone {
			living = append(living, e)
		}
	}
	return pick(r, "event", living)
}

// cancelOf cancels what is open of an event.
func (m *deliveryModel) cancelOf(event *modelEvent) {
	for _, d := range m.deliveries {
		if d.event == event && d.status == apier.DeliveryPending {
			d.holder++
			m.end(d, apier.DeliveryCanceled)
		}
	}
}

func (m *deliveryModel) acknowledge(r *rapid.T) {
	e := m.livingEvent(r)
	must[apier.Event](r)(m.Settle(m.t.Context(), m.tenant, e.id, store.Outcome{Status: apier.StatusDelivered}))
	if e.status != apier.StatusDelivered {
		e.status = apier.StatusDelivered
		e.attempts++
		m.cancelOf(e)
	}
}

func (m *deliveryModel) deleteEvent(r *rapid.T) {
	e := m.livingEvent(r)
	check(r, m.Delete(m.t.Context(), m.tenant, e.id))
	m.cancelOf(e)
	e.gone = true
}

func (m *deliveryModel) setStatus(r *rapid.T) {
	e := pick(r, "endpoint", m.living())
	status := rapid.SampledFrom([]apier.EndpointStatus{apier.EndpointActive, apier.EndpointActive, apier.EndpointPaused, apier.EndpointDisabled}).Draw(r, "status")
	must[apier.Endpoint](r)(m.UpdateEndpoint(m.t.Context(), m.tenant, e.id, func(e *apier.Endpoint) error { e.Status = status; return nil }))
	if e.status != apier.EndpointActive && status == apier.EndpointActive {
		e.hold = 0
	}
	e.status = status
}

func (m *deliveryModel) deleteEndpoint(r *rapid.T) {
	if rapid.IntRange(0, 3).Draw(r, "chance") > 0 {
		r.Skip("rarely")
	}
	e := pick(r, "endpoint", m.living())
	check(r, m.DeleteEndpoint(m.t.Context(), m.tenant, e.id))
	e.gone = true
	for _, d := range m.deliveries {
		if d.endpoint == e && d.status == apier.DeliveryPending {
			d.holder++
			m.end(d, apier.DeliveryCanceled)
			m.restate(d.event)
		}
	}
}
