package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

const (
	blocked     = math.MaxInt64 // due_at of a delivery that another of its order key goes before
	maxOrderKey = 128           // bytes of a value; a longer one is known by its hash
)

// deliveryColumns are what scanDelivery reads, in its order.
const deliveryColumns = "d.number, d.seq, d.tenant, d.endpoint, d.endpoint_uuid, d.event, d.event_uuid, d.event_type, d.status, " +
	"d.attempts, d.tries, d.due_at, d.leased_until, d.fence, d.order_key, d.status_code, d.error_kind, d.error, d.created_at, d.updated_at"

// deliveryRow is a delivery as stored.
type deliveryRow struct {
	number, tenant, endpoint int64
	event                    apier.Seq // created_seq
	dueAt                    int64
	fence                    int64
	delivery                 apier.Delivery
}

func scanDelivery(stmt *sqlite.Stmt) *deliveryRow {
	row := &deliveryRow{
		number: stmt.ColumnInt64(0), tenant: stmt.ColumnInt64(2), endpoint: stmt.ColumnInt64(3), event: apier.Seq(stmt.ColumnInt64(5)),
		dueAt: stmt.ColumnInt64(11), fence: stmt.ColumnInt64(13),
	}
	var endpoint [16]byte
	stmt.ColumnBytes(4, endpoint[:])
	d := &row.delivery
	d.Seq = apier.Seq(stmt.ColumnInt64(1))
	d.EndpointID = apier.FormatEndpointID(endpoint)
	d.EventID = columnEventID(stmt, 6)
	d.EventType = stmt.ColumnText(7)
	d.Status = deliveryStatusOf(stmt.ColumnInt64(8))
	d.Attempts, d.Tries = stmt.ColumnInt(9), stmt.ColumnInt(10)
	d.LeasedUntil = apier.Timestamp(stmt.ColumnInt64(12))
	d.OrderKey = stmt.ColumnText(14)
	d.StatusCode = stmt.ColumnInt(15)
	d.ErrorKind = apier.ErrorKind(stmt.ColumnText(16))
	d.ErrorMessage = stmt.ColumnText(17)
	d.CreatedAt, d.UpdatedAt = apier.Timestamp(stmt.ColumnInt64(18)), apier.Timestamp(stmt.ColumnInt64(19))
	row.name()
	return row
}

// name sets what is derived: the id, and when it is due for those who look on.
func (r *deliveryRow) name() {
	d := &r.delivery
	d.ID = deliveryID(d.EventID, r.number)
	d.DueAt = 0
	if d.Status == apier.DeliveryPending && r.dueAt != blocked {
		d.DueAt = apier.Timestamp(r.dueAt)
	}
}

// deliveryID holds the number, behind the time of the event: so it is found without an index, and sorts.
func deliveryID(event apier.EventID, number int64) apier.DeliveryID {
	uuid, _ := apier.ParseEventID(string(event)) // stored ones are valid
	binary.BigEndian.PutUint64(uuid[8:], uint64(number))
	return apier.FormatDeliveryID(uuid)
}

func deliveryStatusNumber(s apier.DeliveryStatus) int64 {
	switch s {
	case apier.DeliveryPending:
		return 1
	case apier.DeliveryDelivered:
		return 2
	case apier.DeliveryFailed:
		return 3
	case apier.DeliveryCanceled:
		return 4
	default:
		return 0 // matches nothing
	}
}

func deliveryStatusOf(number int64) apier.DeliveryStatus {
	switch number {
	case 2:
		return apier.DeliveryDelivered
	case 3:
		return apier.DeliveryFailed
	case 4:
		return apier.DeliveryCanceled
	default:
		return apier.DeliveryPending
	}
}

func queryDeliveries(conn *sqlite.Conn, rest string, args ...any) (rows []*deliveryRow, err error) {
	return queryDeliveriesFrom(conn, " FROM deliveries d "+rest, args...)
}

func queryDeliveriesFrom(conn *sqlite.Conn, from string, args ...any) (rows []*deliveryRow, err error) {
	err = sqlitex.Execute(conn, "SELECT "+deliveryColumns+from, &sqlitex.ExecOptions{
		Args: args, ResultFunc: func(stmt *sqlite.Stmt) error {
			rows = append(rows, scanDelivery(stmt))
			return nil
		},
	})
	return rows, err
}

// findDelivery gives a delivery of the tenant, or not_found.
func findDelivery(conn *sqlite.Conn, tenant int64, id apier.DeliveryID) (*deliveryRow, error) {
	raw, ok := apier.ParseDeliveryID(id)
	if !ok || tenant == 0 {
		return nil, errNoDelivery(id)
	}
	rows, err := queryDeliveries(conn, "WHERE d.number = ? AND d.tenant = ?", int64(binary.BigEndian.Uint64(raw[8:])), tenant)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 || rows[0].delivery.ID != id {
		return nil, errNoDelivery(id)
	}
	return rows[0], nil
}

func errNoDelivery(id apier.DeliveryID) error {
	return apier.Errorf(apier.CodeNotFound, "There is no delivery %q.", id)
}

// deliver makes the delivery of an event to an endpoint.
func (b *batch) deliver(name apier.TenantID, tenant int64, createdSeq apier.Seq, e *apier.Event, r *route) error {
	endpoint, err := b.endpointByNumber(name, tenant, r.number)
	if err != nil || endpoint == nil { // it went in this very transaction
		return err
	}
	seq := b.nextSeq()
	row := &deliveryRow{number: int64(seq), tenant: tenant, endpoint: r.number, event: createdSeq, dueAt: int64(b.now) + r.firstMS}
	row.delivery = apier.Delivery{
		EventID: e.ID, EventType: e.Type, EndpointID: endpoint.endpoint.ID, Status: apier.DeliveryPending,
		OrderKey: orderKeyOf(e, r.orderKey), CreatedAt: b.now, UpdatedAt: b.now, Seq: seq,
	}
	if err := b.takeTurn(row); err != nil {
		return err
	}
	row.name()
	event, _ := apier.ParseEventID(string(e.ID)) // made here
	d := &row.delivery
	if err := exec(b.conn, `INSERT INTO deliveries (number, seq, tenant, endpoint, endpoint_uuid, event, event_uuid, event_type, status,
		due_at, order_key, created_at, updated_at) VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8, ?9, ?10, ?10)`,
		int64(seq), tenant, r.number, r.uuid[:], int64(createdSeq), event[:], e.Type, row.dueAt, d.OrderKey, int64(b.now)); err != nil {
		return err
	}
	endpoint.count("", apier.DeliveryPending)
	b.announceDelivery(name, row)
	b.due(endpoint, row.dueAt)
	return nil
}

// orderKeyOf gives the value that puts an event in order; "": it stands in none.
func orderKeyOf(e *apier.Event, path string) string {
	if path == "" {
		return ""
	}
	value := apier.PayloadText(e.Payload, path)
	if len(value) <= maxOrderKey {
		return value
	}
	sum := sha256.Sum256([]byte(value))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Of the open deliveries of one order key exactly one has the turn; the others are blocked behind it.
const (
	openOfKey = "INDEXED BY deliveries_in_order WHERE d.endpoint = +? AND d.order_key = +? AND d.status = 1 AND d.order_key <> ''"
	nextOfKey = openOfKey + " ORDER BY d.number LIMIT 1"
	turnOfKey = openOfKey + " AND d.due_at <> 9223372036854775807 AND d.number <> ? LIMIT 1"
)

// takeTurn blocks a delivery if another of its order key has the turn.
func (b *batch) takeTurn(row *deliveryRow) error {
	turn, err := turnBefore(b.conn, row)
	if err == nil && turn != nil {
		row.dueAt = blocked
		row.delivery.BlockedBy = turn.delivery.EventID
	}
	return err
}

// turnBefore gives the delivery that has the turn, other than this one; nil: there is none.
func turnBefore(conn *sqlite.Conn, row *deliveryRow) (*deliveryRow, error) {
	if row.delivery.OrderKey == "" {
		return nil, nil
	}
	rows, err := queryDeliveries(conn, turnOfKey, row.endpoint, row.delivery.OrderKey, row.number)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// passTurn makes the oldest delivery of an order key due, once the one that had the turn has ended.
func (b *batch) passTurn(endpoint *endpointRow, ended *deliveryRow) error {
	turn, err := turnBefore(b.conn, ended)
	if err != nil || turn != nil || ended.delivery.OrderKey == "" {
		return err
	}
	waiting, err := queryDeliveries(b.conn, nextOfKey, ended.endpoint, ended.delivery.OrderKey)
	if err != nil || len(waiting) == 0 {
		return err
	}
	next := waiting[0]
	if err := exec(b.conn, "UPDATE deliveries SET due_at = ? WHERE number = ?", int64(b.now), next.number); err != nil {
		return err
	}
	if endpoint != nil {
		b.due(endpoint, int64(b.now))
	}
	return nil
}

// writeDelivery stores a delivery's new state and announces it.
func (b *batch) writeDelivery(name apier.TenantID, row *deliveryRow) error {
	d := &row.delivery
	d.Seq, d.UpdatedAt = b.nextSeq(), b.now
	row.name()
	err := exec(b.conn, `UPDATE deliveries SET seq = ?, status = ?, attempts = ?, tries = ?, due_at = ?, leased_until = ?, fence = ?,
		status_code = ?, error_kind = ?, error = ?, updated_at = ? WHERE number = ?`,
		int64(d.Seq), deliveryStatusNumber(d.Status), d.Attempts, d.Tries, row.dueAt, int64(d.LeasedUntil), row.fence,
		d.StatusCode, string(d.ErrorKind), d.ErrorMessage, int64(d.UpdatedAt), row.number)
	if err == nil {
		b.announceDelivery(name, row)
	}
	return err
}

func (b *batch) announceDelivery(name apier.TenantID, row *deliveryRow) {
	shown := row.delivery
	b.changes = append(b.changes, apier.Change{
		Tenant: name, Kind: apier.DeliveryChanged, Delivery: &shown,
		Event: apier.Event{ID: shown.EventID, Type: shown.EventType, Seq: shown.Seq, UpdatedAt: b.now},
	})
}

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

// attemptDetail is an attempt as it is stored, with the fields' own JSON.
type attemptDetail apier.Attempt

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
