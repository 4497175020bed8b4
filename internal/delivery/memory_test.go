package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// backend is what the tests need of a store: SQLite's, or the one in memory.
type backend interface {
	Store
	CreateEndpoint(ctx context.Context, tenant apier.TenantID, endpoint apier.Endpoint, secret []byte) (apier.Endpoint, error)
	UpdateEndpoint(ctx context.Context, tenant apier.TenantID, id apier.EndpointID, change func(*apier.Endpoint) error) (apier.Endpoint, error)
	Append(ctx context.Context, tenant apier.TenantID, events []apier.NewEvent, key *store.IdempotencyKey) (store.Receipts, error)
	Retry(ctx context.Context, tenant apier.TenantID, id apier.DeliveryID) (apier.Delivery, error)
	ListDeliveries(ctx context.Context, tenant apier.TenantID, filter store.DeliveryFilter) (store.DeliveryPage, error)
	Close() error
}

// memory is the contract of store.Deliveries in its plainest form: one tenant, one lock, lists. TestMemoryIsAsSQLite
// holds it to the rules.
type memory struct {
	due func(apier.TenantID, apier.EndpointID, apier.Timestamp)

	mu        sync.Mutex
	tenant    apier.TenantID
	endpoints []*apier.Endpoint
	rows      []*memoryRow // in the order of their creation
}

type memoryRow struct {
	d        apier.Delivery
	event    apier.Event
	endpoint *apier.Endpoint
	fence    int64
	blocked  bool // another of its order key has the turn
}

func now() apier.Timestamp { return apier.TimestampOf(time.Now()) }

func (m *memory) Close() error { return nil }

func (m *memory) find(id apier.EndpointID) (*apier.Endpoint, error) {
	if i := slices.IndexFunc(m.endpoints, func(e *apier.Endpoint) bool { return e.ID == id }); i >= 0 {
		return m.endpoints[i], nil
	}
	return nil, apier.Errorf(apier.CodeNotFound, "There is no endpoint %q.", id)
}

func (m *memory) CreateEndpoint(_ context.Context, tenant apier.TenantID, e apier.Endpoint, _ []byte) (apier.Endpoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e = e.WithDefaults()
	m.tenant = tenant
	e.ID = apier.FormatEndpointID([16]byte{byte(len(m.endpoints) + 1)})
	m.endpoints = append(m.endpoints, &e)
	return e, nil
}

func (m *memory) UpdateEndpoint(_ context.Context, _ apier.TenantID, id apier.EndpointID, change func(*apier.Endpoint) error) (apier.Endpoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, err := m.find(id)
	if err != nil {
		return apier.Endpoint{}, err
	}
	before := e.Status
	if err := change(e); err != nil {
		return apier.Endpoint{}, err
	}
	if before != apier.EndpointActive && e.Status == apier.EndpointActive {
		e.HoldUntil, e.ConsecutiveFailures, e.FailingSince = 0, 0, 0
		m.wake(e)
	}
	return *e, nil
}

func (m *memory) Append(_ context.Context, _ apier.TenantID, events []apier.NewEvent, _ *store.IdempotencyKey) (store.Receipts, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range events {
		id := len(m.rows)
		event := apier.Event{ID: apier.FormatEventID([16]byte{byte(id >> 8), byte(id)}), Type: n.Type, Source: n.Source, Payload: n.Payload, CreatedAt: now()}
		for _, e := range m.endpoints {
			r := &memoryRow{event: event, endpoint: e, d: apier.Delivery{
				ID: apier.DeliveryID(fmt.Sprintf("dlv_%d", len(m.rows))), EventID: event.ID, EndpointID: e.ID, Status: apier.DeliveryPending,
				DueAt: now() + apier.Timestamp(e.RetryScheduleMS[0]), OrderKey: orderOf(e, n.Payload),
			}}
			r.blocked = m.turn(r) != nil
			m.rows = append(m.rows, r)
		}
	}
	for _, e := range m.endpoints {
		m.wake(e)
	}
	return store.Receipts{}, nil
}

func orderOf(e *apier.Endpoint, payload json.RawMessage) string {
	if e.OrderKey == "" {
		return ""
	}
	var p struct{ K string }
	_ = json.Unmarshal(payload, &p) // written by the test
	return p.K
}

// turn gives the delivery that one waits for; nil: it has the turn itself, or nobody has.
func (m *memory) turn(of *memoryRow) *memoryRow {
	for _, r := range m.rows {
		if r != of && r.endpoint == of.endpoint && of.d.OrderKey != "" && r.d.OrderKey == of.d.OrderKey && r.d.Status == apier.DeliveryPending && !r.blocked {
			return r
		}
	}
	return nil
}

// passTurn gives the turn to the oldest that waits, once a delivery has ended.
func (m *memory) passTurn(ended *memoryRow) {
	for _, r := range m.rows {
		if r.blocked && r.endpoint == ended.endpoint && r.d.OrderKey == ended.d.OrderKey && r.d.Status == apier.DeliveryPending && m.turn(r) == nil {
			r.blocked, r.d.DueAt = false, now()
		}
	}
}

// open gives what an endpoint may be sent next, the longest due first.
func (m *memory) open(e *apier.Endpoint) []*memoryRow {
	var rows []*memoryRow
	for _, r := range m.rows {
		if r.endpoint == e && r.d.Status == apier.DeliveryPending && !r.blocked {
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(a, b *memoryRow) int { return int(a.d.DueAt - b.d.DueAt) })
	return rows
}

func (m *memory) nextDue(e *apier.Endpoint) apier.Timestamp {
	if open := m.open(e); e.Status == apier.EndpointActive && len(open) > 0 {
		return max(open[0].d.DueAt, e.HoldUntil)
	}
	return 0
}

func (m *memory) wake(e *apier.Endpoint) {
	if at := m.nextDue(e); at != 0 {
		m.due(m.tenant, e.ID, at)
	}
}

func (m *memory) Lanes(context.Context) (lanes []store.Lane, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.endpoints {
		if at := m.nextDue(e); at != 0 {
			lanes = append(lanes, store.Lane{Tenant: m.tenant, Endpoint: e.ID, DueAt: at})
		}
	}
	return lanes, nil
}

func (m *memory) Claim(_ context.Context, _ apier.TenantID, id apier.EndpointID, limit int, margin time.Duration) (store.Claims, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, err := m.find(id)
	if err != nil {
		return store.Claims{}, err
	}
	open := m.open(e)
	if e.HoldUntil != 0 {
		limit = min(limit, 1)
		if slices.ContainsFunc(open, func(r *memoryRow) bool { return r.d.LeasedUntil > now() }) {
			limit = 0
		}
	}
	if e.Status != apier.EndpointActive || now() < e.HoldUntil {
		limit = 0
	}
	var claims store.Claims
	for _, r := range open {
		if len(claims.Claimed) < limit && r.d.DueAt <= now() {
			r.fence++
			due := max(r.d.DueAt, e.HoldUntil)
			r.d.LeasedUntil = now() + apier.Timestamp(e.TimeoutMS+margin.Milliseconds())
			r.d.DueAt = r.d.LeasedUntil
			claims.Claimed = append(claims.Claimed, store.Claimed{Delivery: r.d, Event: r.event, Fence: r.fence, DueAt: due})
		}
	}
	claims.Endpoint, claims.NextDue = *e, m.nextDue(e)
	return claims, nil
}

func (m *memory) held(c store.Claimed) *memoryRow {
	for _, r := range m.rows {
		if r.d.ID == c.Delivery.ID && r.fence == c.Fence && r.d.Status == apier.DeliveryPending && r.d.LeasedUntil != 0 {
			return r
		}
	}
	return nil
}

func (m *memory) Finish(_ context.Context, _ apier.TenantID, c store.Claimed, a apier.Attempt, v store.Verdict) (apier.Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.held(c)
	if r == nil {
		return apier.Delivery{}, apier.Errorf(apier.CodeConflict, "The lease of delivery %s was lost.", c.Delivery.ID)
	}
	r.d.Status, r.d.DueAt, r.d.LeasedUntil = v.Status, v.DueAt, 0
	r.d.Attempts++
	if !v.Blameless {
		r.d.Tries++
	}
	switch e := r.endpoint; {
	case a.OK():
		e.ConsecutiveFailures, e.FailingSince, e.HoldUntil = 0, 0, 0
	case !v.Blameless:
		e.ConsecutiveFailures++
		if e.FailingSince == 0 {
			e.FailingSince = now()
		}
		e.HoldUntil = max(e.HoldUntil, v.HoldUntil)
	}
	if v.Status != apier.DeliveryPending {
		m.passTurn(r)
	}
	m.wake(r.endpoint)
	return r.d, nil
}

func (m *memory) Release(_ context.Context, _ apier.TenantID, c store.Claimed, at apier.Timestamp) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.held(c); r != nil {
		r.d.DueAt, r.d.LeasedUntil = at, 0
		m.wake(r.endpoint)
	}
	return nil
}

func (m *memory) Retry(_ context.Context, _ apier.TenantID, id apier.DeliveryID) (apier.Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.rows {
		if r.d.ID != id {
			continue
		}
		if r.d.LeasedUntil > now() {
			return apier.Delivery{}, apier.Errorf(apier.CodeConflict, "An attempt is under way.")
		}
		r.d.Status, r.d.Tries, r.d.DueAt, r.d.LeasedUntil = apier.DeliveryPending, 0, now(), 0
		r.fence++
		r.blocked = m.turn(r) != nil
		m.wake(r.endpoint)
		return r.d, nil
	}
	return apier.Delivery{}, apier.Errorf(apier.CodeNotFound, "There is no delivery %q.", id)
}

func (m *memory) ListDeliveries(_ context.Context, _ apier.TenantID, f store.DeliveryFilter) (page store.DeliveryPage, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range slices.Backward(m.rows) {
		if r.d.EndpointID == f.Endpoint {
			page.Deliveries = append(page.Deliveries, r.d)
		}
	}
	return page, nil
}

func (m *memory) Endpoint(_ context.Context, _ apier.TenantID, id apier.EndpointID) (apier.Endpoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, err := m.find(id)
	if err != nil {
		return apier.Endpoint{}, err
	}
	return *e, nil
}

func (m *memory) Secrets(context.Context, apier.TenantID, apier.EndpointID) ([][]byte, error) {
	return nil, nil
}

func (m *memory) RunningRecoveries(context.Context) ([]store.RecoveryRef, error) { return nil, nil }

func (m *memory) AdvanceRecovery(_ context.Context, _ apier.TenantID, id string, _ int) (apier.Recovery, error) {
	return apier.Recovery{}, apier.Errorf(apier.CodeNotFound, "There is no recovery %q.", id)
}
