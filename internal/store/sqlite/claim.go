package sqlite

import (
	"context"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// maxLease is longer than any lease: while a delivery is leased, its due_at lies within.
const maxLease = 10 * time.Minute

// due notes that an endpoint has a delivery to make, for Options.Due after the commit.
func (b *batch) due(endpoint *endpointRow, at int64) {
	if at == blocked {
		return
	}
	at = max(at, int64(endpoint.endpoint.HoldUntil))
	if b.dues == nil {
		b.dues = make(map[*endpointRow]int64)
	}
	if earliest, ok := b.dues[endpoint]; !ok || at < earliest {
		b.dues[endpoint] = at
	}
}

// wakeLane notes when the next delivery of an endpoint is due.
func (b *batch) wakeLane(endpoint *endpointRow) error {
	at, err := nextDue(b.conn, endpoint.number)
	if err == nil && at != 0 {
		b.due(endpoint, at)
	}
	return err
}

// nextDue gives the time of the next attempt; 0: none waits.
//
// Its +? hides the parameter from the planner, which else makes a new plan for each value: 42 µs a call instead of 1.5,
// measured. The other statements that every attempt needs do the same; LIMIT (SELECT ?) is that for a limit.
func nextDue(conn *sqlite.Conn, endpoint int64) (at int64, err error) {
	err = sqlitex.Execute(conn, "SELECT due_at FROM deliveries INDEXED BY deliveries_due WHERE endpoint = +? AND status = 1 ORDER BY due_at LIMIT 1",
		&sqlitex.ExecOptions{Args: []any{endpoint}, ResultFunc: func(stmt *sqlite.Stmt) error {
			at = stmt.ColumnInt64(0)
			return nil
		}})
	if at == blocked {
		at = 0
	}
	return at, err
}

// Lanes implements store.Deliveries.
func (s *Store) Lanes(ctx context.Context) ([]store.Lane, error) {
	var lanes []store.Lane
	err := s.read(ctx, func(conn *sqlite.Conn) error {
		rows, names, err := activeEndpoints(conn)
		if err != nil {
			return err
		}
		for i, row := range rows {
			at, err := nextDue(conn, row.number)
			if err != nil {
				return err
			}
			if at != 0 {
				lanes = append(lanes, store.Lane{Tenant: names[i], Endpoint: row.endpoint.ID, DueAt: max(apier.Timestamp(at), row.endpoint.HoldUntil)})
			}
		}
		return nil
	})
	return lanes, wrap("read lanes", err)
}

func activeEndpoints(conn *sqlite.Conn) (rows []*endpointRow, names []apier.TenantID, err error) {
	err = sqlitex.Execute(conn, "SELECT "+endpointColumns+", t.name FROM endpoints p JOIN tenants t ON t.id = p.tenant WHERE p.status = 1 ORDER BY p.number",
		&sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
			row, err := scanEndpoint(stmt)
			rows, names = append(rows, row), append(names, apier.TenantID(stmt.ColumnText(17)))
			return err
		}})
	return rows, names, err
}

// Claim implements store.Deliveries.
func (s *Store) Claim(
	ctx context.Context, tenant apier.TenantID, endpoint apier.EndpointID, limit int, margin time.Duration,
) (store.Claims, error) {
	op := &claimOp{tenant: tenant, endpoint: endpoint, limit: limit, margin: margin}
	if err := s.submit(ctx, tenant, max(limit, 1), op.apply); err != nil {
		return store.Claims{}, wrap("claim deliveries", err)
	}
	return op.claims, nil
}

type claimOp struct {
	tenant   apier.TenantID
	endpoint apier.EndpointID
	limit    int
	margin   time.Duration
	claims   store.Claims
}

func (o *claimOp) apply(b *batch) error {
	row, err := b.endpoint(o.tenant, o.endpoint)
	if err != nil {
		return err
	}
	o.claims = store.Claims{Endpoint: row.endpoint}
	limit, err := o.allowed(b, row)
	if err == nil && limit > 0 {
		err = o.claim(b, row, limit)
	}
	if err != nil || row.endpoint.Status != apier.EndpointActive {
		return err
	}
	at, err := nextDue(b.conn, row.number)
	if at != 0 {
		o.claims.NextDue = max(apier.Timestamp(at), row.endpoint.HoldUntil)
	}
	return err
}

// allowed gives how many may be claimed now. Behind an open breaker one attempt at a time feels its way.
func (o *claimOp) allowed(b *batch, row *endpointRow) (int, error) {
	e := &row.endpoint
	if e.Status != apier.EndpointActive || b.now < e.HoldUntil {
		return 0, nil
	}
	if e.HoldUntil == 0 {
		return o.limit, nil
	}
	underWay, err := queryDeliveries(b.conn, `INDEXED BY deliveries_due WHERE d.endpoint = ?1 AND d.status = 1 AND d.due_at > ?2 AND d.due_at <= ?3
		AND d.leased_until > ?2 LIMIT 1`, row.number, int64(b.now), int64(b.now)+maxLease.Milliseconds())
	return min(o.limit, 1-len(underWay)), err
}

func (o *claimOp) claim(b *batch, row *endpointRow, limit int) (err error) {
	due, err := queryDeliveries(b.conn, "INDEXED BY deliveries_due WHERE d.endpoint = +? AND d.status = 1 AND d.due_at <= +? ORDER BY d.due_at LIMIT (SELECT ?)",
		row.number, int64(b.now), limit)
	if err != nil || len(due) == 0 {
		return err
	}
	if o.claims.Secrets, err = secretsOf(b.conn, row.number, b.now); err != nil {
		return err
	}
	until := int64(b.now) + min(row.endpoint.TimeoutMS+o.margin.Milliseconds(), maxLease.Milliseconds())
	for i, d := range due {
		if i > 0 && b.sliceIsHeavy() { // the rest is due still
			return nil
		}
		event, err := b.eventAt(d.event)
		if err != nil {
			return err
		}
		if event == nil { // deleted: its deliveries were canceled with it, so this is a fault that mends itself
			if err := b.cancel(o.tenant, d); err != nil {
				return err
			}
			continue
		}
		d.fence++
		due := max(apier.Timestamp(d.dueAt), row.endpoint.HoldUntil)
		d.dueAt, d.delivery.LeasedUntil = until, apier.Timestamp(until)
		if err := exec(b.conn, "UPDATE deliveries SET due_at = ?1, leased_until = ?1, fence = ?2 WHERE number = ?3", until, d.fence, d.number); err != nil {
			return err
		}
		d.showDue()
		o.claims.Claimed = append(o.claims.Claimed, store.Claimed{Delivery: d.delivery, Event: event.event, Fence: d.fence, DueAt: due})
	}
	return nil
}

// eventAt gives the event of a created_seq, and counts what it reads; nil: it is gone.
func (b *batch) eventAt(createdSeq apier.Seq) (*row, error) {
	found, err := eventAt(b.conn, createdSeq)
	b.spend(1, 0)
	if found != nil {
		b.spend(0, len(found.event.Payload))
	}
	return found, err
}

// eventAt gives the event of a created_seq; nil: it is gone.
func eventAt(conn *sqlite.Conn, createdSeq apier.Seq) (found *row, err error) {
	err = sqlitex.Execute(conn, "SELECT "+eventColumns+" FROM events e WHERE e.created_seq = ?",
		&sqlitex.ExecOptions{Args: []any{int64(createdSeq)}, ResultFunc: func(stmt *sqlite.Stmt) error {
			r := scanEvent(stmt)
			found = &r
			return nil
		}})
	return found, err
}

// held gives a delivery if the claim to it still holds; nil: the lease was lost.
func (b *batch) held(name apier.TenantID, claimed store.Claimed) (*deliveryRow, error) {
	tenant, err := b.tenant(name)
	if err != nil {
		return nil, err
	}
	row, err := findDelivery(b.conn, tenant, claimed.Delivery.ID)
	if err != nil {
		return nil, err
	}
	if row.fence != claimed.Fence || row.delivery.Status != apier.DeliveryPending || row.delivery.LeasedUntil == 0 {
		return nil, nil
	}
	return row, nil
}

// Release implements store.Deliveries.
func (s *Store) Release(ctx context.Context, tenant apier.TenantID, claimed store.Claimed, at apier.Timestamp) error {
	return wrap("release delivery", s.submit(ctx, tenant, 1, func(b *batch) error {
		row, err := b.held(tenant, claimed)
		if err != nil || row == nil {
			return err
		}
		if err := exec(b.conn, "UPDATE deliveries SET due_at = ?, leased_until = 0 WHERE number = ?", int64(at), row.number); err != nil {
			return err
		}
		endpoint, err := b.endpointByNumber(tenant, row.tenant, row.endpoint)
		if err == nil && endpoint != nil {
			b.due(endpoint, int64(at))
		}
		return err
	}))
}

const reclaim = "UPDATE deliveries INDEXED BY deliveries_due SET due_at = ?1, leased_until = 0 " +
	"WHERE endpoint IN (SELECT number FROM endpoints) AND status = 1 AND due_at > ?1 AND due_at <= ?2 AND leased_until > ?1"

// Reclaim implements store.Deliveries. A lease that has run out is due anyway.
func (s *Store) Reclaim(ctx context.Context) (n int, err error) {
	err = s.submit(ctx, "", 1, func(b *batch) error {
		err := exec(b.conn, reclaim, int64(b.now), int64(b.now)+maxLease.Milliseconds())
		n = b.conn.Changes()
		return err
	})
	return n, wrap("reclaim deliveries", err)
}

func sortedKeys[V any](m map[int64]V) []int64 {
	keys := make([]int64, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
