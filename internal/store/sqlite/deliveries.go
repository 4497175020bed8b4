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
			err = showBlocker(conn, row)
			found = row.delivery
		}
		return err
	})
	return found, wrap("read delivery", err)
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
		position, err := readPosition(conn)
		if err != nil {
			return err
		}
		page.Seq = position.Seq
		rows, err := listDeliveries(conn, t.id, filter, min(max(filter.Limit, 1), maxPage)+1)
		if err != nil {
			return err
		}
		if limit := min(max(filter.Limit, 1), maxPage); len(rows) > limit {
			rows, page.HasMore = rows[:limit], true
		}
		for _, row := range rows {
			if err := showBlocker(conn, row); err != nil {
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
		if from, err = firstCreatedAfter(conn, filter.Since-1); err != nil { // a bound for numbers too, which are seqs as well
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
