package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// CreateEndpoint implements store.Endpoints.
func (s *Store) CreateEndpoint(
	ctx context.Context, tenant apier.TenantID, endpoint apier.Endpoint, secret []byte,
) (apier.Endpoint, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return apier.Endpoint{}, fmt.Errorf("make an id: %w", err)
	}
	changing := s.routes.changing(tenant)
	changing.RLock()
	defer changing.RUnlock()
	var created apier.Endpoint
	err = s.submit(ctx, tenant, 2, func(b *batch) error {
		number, err := b.ensureTenant(tenant)
		if err != nil {
			return err
		}
		if err := b.roomForEndpoint(number); err != nil {
			return err
		}
		created = apier.Endpoint{Status: endpoint.Status}
		settingsOf(&endpoint).applyTo(&created)
		created = created.WithDefaults()
		created.ID, created.Seq, created.CreatedAt, created.UpdatedAt = apier.FormatEndpointID(id), b.nextSeq(number), b.now, b.now
		if err := b.insertEndpoint(number, id, &created, secret); err != nil {
			return err
		}
		b.route(&endpointRow{number: b.place, name: tenant, endpoint: created})
		shown := created
		b.announceEndpoint(tenant, &shown, "", created.Seq)
		return nil
	})
	return created, wrap("create endpoint", err)
}

const endpointsOfTenant = "SELECT count(*) FROM endpoints INDEXED BY endpoints_by_tenant WHERE tenant = ?" // bounded by MaxEndpoints

// roomForEndpoint: each event is held against every endpoint of its tenant.
func (b *batch) roomForEndpoint(tenant int64) error {
	n, most := 0, b.writer.store.options.MaxEndpoints
	err := sqlitex.Execute(b.conn, endpointsOfTenant, &sqlitex.ExecOptions{Args: []any{tenant}, ResultFunc: func(stmt *sqlite.Stmt) error {
		n = stmt.ColumnInt(0)
		return nil
	}})
	if err == nil && n >= most {
		err = apier.Errorf(apier.CodeConflict, "There are %d endpoints already, as many as may be (--max-endpoints). Delete one that is not needed, or raise the limit.", n)
	}
	return err
}

func (b *batch) insertEndpoint(tenant int64, id uuid.UUID, e *apier.Endpoint, secret []byte) error {
	settings, err := json.Marshal(settingsOf(e))
	if err != nil {
		return err
	}
	// The number is never used again, as the deliveries of a deleted endpoint keep it.
	if err := exec(b.conn, "INSERT INTO endpoints (number, seq, tenant, uuid, settings, status, created_at, updated_at) VALUES (?1, ?8, ?2, ?3, ?4, ?5, ?6, ?7)",
		b.place, tenant, id[:], string(settings), endpointStatusNumber(e.Status), int64(b.now), int64(b.now), int64(e.Seq)); err != nil {
		return err
	}
	return exec(b.conn, "INSERT INTO endpoint_secrets (endpoint, secret, created_at) VALUES (?, ?, ?)",
		b.place, secret, int64(b.now))
}

// Endpoint implements store.Endpoints.
func (s *Store) Endpoint(ctx context.Context, tenant apier.TenantID, id apier.EndpointID) (apier.Endpoint, error) {
	var found apier.Endpoint
	err := s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
		row, err := findEndpoint(conn, t.id, id)
		if err != nil {
			raw, _ := apier.ParseEndpointID(id)
			return orDeleted(conn, err, endpointTombstone, t.id, raw)
		}
		found = row.endpoint
		return nil
	})
	return found, wrap("read endpoint", err)
}

// Endpoints implements store.Endpoints.
func (s *Store) Endpoints(
	ctx context.Context, tenant apier.TenantID, page store.PageOf[apier.EndpointID],
) (store.EndpointPage, error) {
	var found store.EndpointPage
	limit := min(max(page.Limit, 1), maxPage)
	err := s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
		found.Seq = t.seq
		before := int64(1) << 62
		if page.StartingAfter != "" {
			last, err := findEndpoint(conn, t.id, page.StartingAfter)
			if err != nil {
				return err
			}
			before = last.number
		}
		rows, err := queryEndpoints(conn, "INDEXED BY endpoints_by_tenant WHERE p.tenant = ? AND p.number < ? ORDER BY p.number DESC LIMIT ?", t.id, before, limit+1)
		found.HasMore = len(rows) > limit
		for _, row := range rows[:min(limit, len(rows))] {
			found.Endpoints = append(found.Endpoints, row.endpoint)
		}
		return err
	})
	return found, wrap("list endpoints", err)
}

// EndpointsByID implements store.Endpoints.
func (s *Store) EndpointsByID(ctx context.Context, tenant apier.TenantID, ids []string) (store.EndpointPage, error) {
	var found store.EndpointPage
	err := s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
		found.Seq = t.seq
		for _, id := range ids {
			row, err := findEndpoint(conn, t.id, apier.EndpointID(id))
			if err == nil {
				found.Endpoints = append(found.Endpoints, row.endpoint)
			} else if apier.AsError(err).Code != apier.CodeNotFound {
				return err
			}
		}
		return nil
	})
	return found, wrap("read endpoints", err)
}

// UpdateEndpoint implements store.Endpoints.
func (s *Store) UpdateEndpoint(
	ctx context.Context, tenant apier.TenantID, id apier.EndpointID, change func(*apier.Endpoint) error,
) (apier.Endpoint, error) {
	changing := s.routes.changing(tenant)
	changing.RLock()
	defer changing.RUnlock()
	var updated *endpointRow
	err := s.submit(ctx, tenant, 1, func(b *batch) error {
		row, err := b.endpoint(tenant, id)
		if err != nil {
			return err
		}
		next := row.endpoint
		if err := change(&next); err != nil {
			return err
		}
		updated = row
		return b.resettle(row, &next)
	})
	if err != nil {
		return apier.Endpoint{}, wrap("update endpoint", err)
	}
	return updated.endpoint, nil
}

// resettle takes settings and status over. One that becomes active begins with a clean slate, and at once.
func (b *batch) resettle(row *endpointRow, next *apier.Endpoint) error {
	e := &row.endpoint
	settingsOf(next).applyTo(e)
	becameActive := e.Status != apier.EndpointActive && next.Status == apier.EndpointActive
	e.Status = next.Status
	if e.Status != apier.EndpointDisabled {
		e.DisabledReason = ""
	}
	if becameActive {
		e.HoldUntil, e.ConsecutiveFailures, e.FailingSince = 0, 0, 0
	}
	if err := b.writeSettings(row); err != nil || e.Status != apier.EndpointActive {
		return err
	}
	return b.wakeLane(row)
}

// DeleteEndpoint implements store.Endpoints. It first stops the endpoint, then cancels in slices, so that other writes
// get their turn, and removes it with the last of them: nothing can have come in between. One that was interrupted stays
// disabled and can be deleted again.
func (s *Store) DeleteEndpoint(ctx context.Context, tenant apier.TenantID, id apier.EndpointID) error {
	_, err := s.UpdateEndpoint(ctx, tenant, id, func(e *apier.Endpoint) error {
		e.Status, e.DisabledReason = apier.EndpointDisabled, "It is being deleted"
		return nil
	})
	for more := true; err == nil && more; {
		err = s.submit(ctx, tenant, cancelSlice, func(b *batch) (err error) {
			if more, err = b.cancelSome(tenant, id); err != nil || more {
				return err
			}
			return b.removeEndpoint(tenant, id)
		})
	}
	return wrap("delete endpoint", err)
}

func (b *batch) removeEndpoint(tenant apier.TenantID, id apier.EndpointID) error {
	row, err := b.endpoint(tenant, id)
	if err != nil {
		return err
	}
	if err := b.stopRecoveries(tenant, row.number); err != nil {
		return err
	}
	for _, query := range []string{"DELETE FROM endpoint_secrets WHERE endpoint = ?", "DELETE FROM endpoints WHERE number = ?"} {
		if err := exec(b.conn, query, row.number); err != nil {
			return err
		}
	}
	row.gone = true
	b.route(row)
	seq := b.nextSeq(row.tenant)
	b.announceEndpoint(tenant, nil, id, seq)
	return exec(b.conn, "INSERT INTO endpoint_tombstones (seq, tenant, uuid, deleted_at, told_seq) VALUES (?, ?, ?, ?, ?)",
		b.place, row.tenant, row.uuid[:], int64(b.now), b.differing(seq))
}
