package sqlite

import (
	"math"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store/rules"
)

const blocked = math.MaxInt64 // due_at of a delivery that another of its order key goes before

// deliveryColumns are what scanDelivery reads, in its order.
const deliveryColumns = "d.number, d.seq, d.tenant, d.endpoint, d.endpoint_uuid, d.event, d.event_uuid, d.event_type, d.status, " +
	"d.attempts, d.tries, d.due_at, d.leased_until, d.fence, d.order_key, d.status_code, d.error_kind, d.error, d.created_at, d.updated_at, " + idsOfMeta

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
	ids := scanIDs(stmt, 20)
	d.ID = ids.delivery(d.EventID, row.number)
	row.showDue()
	return row
}

// showDue sets when it is due for those who look on.
func (r *deliveryRow) showDue() {
	d := &r.delivery
	d.DueAt = 0
	if d.Status == apier.DeliveryPending && r.dueAt != blocked {
		d.DueAt = apier.Timestamp(r.dueAt)
	}
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
	ids, err := readIDs(conn)
	if err != nil {
		return nil, err
	}
	plain, hidden := ids.open(raw)
	rows, err := queryDeliveries(conn, "WHERE d.number IN (?, ?) AND d.tenant = ?", plain, hidden, tenant)
	for _, row := range rows {
		if row.delivery.ID == id {
			return row, err
		}
	}
	if err != nil {
		return nil, err
	}
	return nil, errNoDelivery(id)
}

func errNoDelivery(id apier.DeliveryID) error {
	return apier.Errorf(apier.CodeNotFound, "There is no delivery %q.", id)
}

// deliver makes the delivery of an event to an endpoint.
func (b *batch) deliver(name apier.TenantID, tenant int64, createdSeq apier.Seq, e *apier.Event, to rules.Target) error {
	b.spend(1, 0)
	endpoint, err := b.endpointByNumber(name, tenant, to.Endpoint)
	if err != nil || endpoint == nil { // it went in this very transaction
		return err
	}
	seq := b.nextSeq(tenant)
	row := &deliveryRow{number: b.place, tenant: tenant, endpoint: to.Endpoint, event: createdSeq}
	row.dueAt = int64(b.now) + endpoint.endpoint.RetryScheduleMS[0]
	row.delivery = apier.Delivery{
		EventID: e.ID, EventType: e.Type, EndpointID: endpoint.endpoint.ID, Status: apier.DeliveryPending,
		OrderKey: to.OrderKey, CreatedAt: b.now, UpdatedAt: b.now, Seq: seq,
	}
	row.delivery.ID = b.writer.store.ids.delivery(e.ID, row.number)
	if err := b.takeTurn(row); err != nil {
		return err
	}
	row.showDue()
	event, _ := apier.ParseEventID(string(e.ID)) // made here
	d := &row.delivery
	if err := exec(b.conn, `INSERT INTO deliveries (number, seq, tenant, endpoint, endpoint_uuid, event, event_uuid, event_type, status,
		due_at, order_key, created_at, updated_at) VALUES (?1, ?11, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8, ?9, ?10, ?10)`,
		row.number, tenant, to.Endpoint, endpoint.uuid[:], int64(createdSeq), event[:], e.Type, row.dueAt, d.OrderKey, int64(b.now), int64(seq)); err != nil {
		return err
	}
	endpoint.count("", apier.DeliveryPending)
	b.announceDelivery(name, row)
	b.due(endpoint, row.dueAt)
	return nil
}

// writeDelivery stores a delivery's new state and announces it.
func (b *batch) writeDelivery(name apier.TenantID, row *deliveryRow) error {
	d := &row.delivery
	d.Seq, d.UpdatedAt = b.nextSeq(row.tenant), b.now
	row.showDue()
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
	if known := b.endpoints[row.endpoint]; known != nil && shown.DueAt != 0 && shown.LeasedUntil == 0 {
		shown.DueAt = max(shown.DueAt, known.endpoint.HoldUntil)
	}
	b.change(apier.Change{
		Tenant: name, Kind: apier.DeliveryChanged, Seq: shown.Seq, At: b.now, Delivery: &shown,
		Event: apier.Event{ID: shown.EventID, Type: shown.EventType},
	})
}

// attemptDetail is an attempt as it is stored, with the fields' own JSON.
type attemptDetail apier.Attempt
