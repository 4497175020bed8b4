package sqlite

import (
	"context"
	"encoding/json"
	"math"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// Delivery implements store.Deliveries.
func (s *Store) Delivery(ctx context.Context, tenant apier.TenantID, id apier.DeliveryID) (apier.Delivery, error) {
	var found apier.Delivery
	err := s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
		row, err := findDelivery(conn, t.id, id)
		if err == nil {
			err = (&holds{conn: conn}).show(row)
			found = row.delivery
		}
		return err
	})
	return found, wrap("read delivery", err)
}

// holds adds to deliveries what stands in their way: another of their order key, or their endpoint's breaker.
type holds struct {
	conn  *sqlite.Conn
	known map[int64]apier.Timestamp // by endpoint
}

func (h *holds) show(row *deliveryRow) error {
	d := &row.delivery
	if d.DueAt == 0 || d.LeasedUntil != 0 {
		return showBlocker(h.conn, row)
	}
	until, err := h.until(row.endpoint)
	d.DueAt = max(d.DueAt, until)
	return err
}

func (h *holds) until(endpoint int64) (apier.Timestamp, error) {
	if until, known := h.known[endpoint]; known {
		return until, nil
	}
	if h.known == nil {
		h.known = map[int64]apier.Timestamp{}
	}
	h.known[endpoint] = 0
	err := sqlitex.Execute(h.conn, "SELECT hold_until FROM endpoints WHERE number = ?", &sqlitex.ExecOptions{
		Args: []any{endpoint}, ResultFunc: func(stmt *sqlite.Stmt) error {
			h.known[endpoint] = apier.Timestamp(stmt.ColumnInt64(0))
			return nil
		},
	})
	return h.known[endpoint], err
}

func showBlocker(conn *sqlite.Conn, row *deliveryRow) error {
	if row.dueAt != blocked || row.delivery.Status != apier.DeliveryPending {
		return nil
	}
	turn, err := turnBefore(conn, row)
	if turn != nil {
		row.delivery.BlockedBy = turn.delivery.EventID
	}
	return err
}

// Attempts implements store.Deliveries.
func (s *Store) Attempts(ctx context.Context, tenant apier.TenantID, id apier.DeliveryID) ([]apier.Attempt, error) {
	attempts := []apier.Attempt{}
	err := s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
		row, err := findDelivery(conn, t.id, id)
		if err != nil {
			return err
		}
		return sqlitex.Execute(conn, "SELECT detail, body FROM attempts WHERE delivery = ? ORDER BY number", &sqlitex.ExecOptions{
			Args: []any{row.number}, ResultFunc: func(stmt *sqlite.Stmt) error {
				var detail attemptDetail
				if err := json.Unmarshal([]byte(stmt.ColumnText(0)), &detail); err != nil {
					return err
				}
				detail.ResponseBody = columnBytes(stmt, 1)
				attempts = append(attempts, apier.Attempt(detail))
				return nil
			},
		})
	})
	return attempts, wrap("read attempts", err)
}

// ListDeliveries implements store.Deliveries.
func (s *Store) ListDeliveries(ctx context.Context, tenant apier.TenantID, filter store.DeliveryFilter) (store.DeliveryPage, error) {
	var page store.DeliveryPage
	err := s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
		page.Seq = t.seq
		rows, err := listDeliveries(conn, t.id, filter, min(max(filter.Limit, 1), maxPage)+1)
		if err != nil {
			return err
		}
		if limit := min(max(filter.Limit, 1), maxPage); len(rows) > limit {
			rows, page.HasMore = rows[:limit], true
		}
		holds := &holds{conn: conn}
		for _, row := range rows {
			if err := holds.show(row); err != nil {
				return err
			}
			page.Deliveries = append(page.Deliveries, row.delivery)
		}
		return nil
	})
	return page, wrap("list deliveries", err)
}

func listDeliveries(conn *sqlite.Conn, tenant int64, filter store.DeliveryFilter, limit int) ([]*deliveryRow, error) {
	before := int64(math.MaxInt64)
	if filter.StartingAfter != "" {
		last, err := findDelivery(conn, tenant, filter.StartingAfter)
		if err != nil {
			return nil, err
		}
		before = last.number
	}
	from := int64(0)
	if filter.Since != 0 {
		var err error
		if from, err = firstCreatedAfter(conn, filter.Since-1); err != nil { // a bound for numbers too: both are places
			return nil, err
		}
	}
	args := []any{nil, before, limit, from, string(filter.ErrorKind), int64(filter.Since)}
	if filter.Event != "" {
		event, err := findEvent(conn, tenant, filter.Event)
		if err != nil {
			return nil, err
		}
		args[0] = int64(event.createdSeq)
		return queryDeliveries(conn, deliveriesOfEvent, append(args, deliveryStatusNumber(filter.Status))...)
	}
	endpoint, err := findEndpoint(conn, tenant, filter.Endpoint)
	if err != nil {
		return nil, err
	}
	args[0] = endpoint.number
	if filter.Status != "" {
		return queryDeliveries(conn, deliveriesOfStatus, append(args, deliveryStatusNumber(filter.Status))...)
	}
	return queryDeliveries(conn, deliveriesOfAll, args...)
}

// Each walk goes along the index in the order of the list; all statuses are four walks, merged. Its parameters: endpoint
// or event, number before, limit, number from, kind of error or
// none, time from, status.
const (
	listedDeliveries  = " AND d.number < ?2 AND d.number >= ?4 AND (?5 = '' OR d.error_kind = ?5) AND d.created_at >= ?6"
	newestDeliveries  = " ORDER BY d.number DESC LIMIT ?3"
	ofEndpoint        = "INDEXED BY deliveries_by_endpoint WHERE d.endpoint = ?1" + listedDeliveries + " AND d.status = "
	arm               = " UNION ALL SELECT " + deliveryColumns + " FROM deliveries d " + ofEndpoint
	deliveriesOfEvent = "INDEXED BY deliveries_by_event WHERE d.event = ?1" + listedDeliveries + " AND (?7 = 0 OR d.status = ?7)" +
		newestDeliveries
	deliveriesOfStatus = ofEndpoint + "?7" + newestDeliveries
	deliveriesOfAll    = ofEndpoint + "1" + arm + "2" + arm + "3" + arm + "4 ORDER BY 1 DESC LIMIT ?3"
)
