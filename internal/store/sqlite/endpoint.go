package sqlite

import (
	"encoding/json"
	"fmt"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
)

// endpointSettings is what an operator sets, as it is stored.
type endpointSettings struct {
	URL             string            `json:"url"`
	Description     string            `json:"description"`
	Types           []string          `json:"types"`
	Filter          json.RawMessage   `json:"filter,omitempty"`
	Headers         map[string]string `json:"headers"`
	RatePerSecond   float64           `json:"rate_per_second"`
	MaxInFlight     int               `json:"max_in_flight"`
	TimeoutMS       int64             `json:"timeout_ms"`
	RetryScheduleMS []int64           `json:"retry_schedule_ms"`
	OrderKey        string            `json:"order_key"`
}

func settingsOf(e *apier.Endpoint) endpointSettings {
	return endpointSettings{
		e.URL, e.Description, e.Types, e.Filter, e.Headers, e.RatePerSecond, e.MaxInFlight, e.TimeoutMS, e.RetryScheduleMS, e.OrderKey,
	}
}

func (s endpointSettings) applyTo(e *apier.Endpoint) {
	e.URL, e.Description, e.Types, e.Filter, e.Headers = s.URL, s.Description, s.Types, s.Filter, s.Headers
	e.RatePerSecond, e.MaxInFlight, e.TimeoutMS = s.RatePerSecond, s.MaxInFlight, s.TimeoutMS
	e.RetryScheduleMS, e.OrderKey = s.RetryScheduleMS, s.OrderKey
}

// endpointColumns are what scanEndpoint reads, in its order.
const endpointColumns = "p.number, p.seq, p.uuid, p.settings, p.status, p.disabled_reason, p.hold_until, p.pending, p.delivered, " +
	"p.failed, p.failures, p.failing_since, p.last_success_at, p.last_failure_at, p.last_error, p.created_at, p.updated_at"

// endpointRow is an endpoint as stored. In a batch it is read once, changed by the operations, and written
// at the end.
type endpointRow struct {
	number   int64
	tenant   int64
	name     apier.TenantID
	uuid     [16]byte
	endpoint apier.Endpoint
	dirty    bool
	gone     bool
}

func scanEndpoint(stmt *sqlite.Stmt) (*endpointRow, error) {
	row := &endpointRow{number: stmt.ColumnInt64(0)}
	e := &row.endpoint
	e.Seq = apier.Seq(stmt.ColumnInt64(1))
	stmt.ColumnBytes(2, row.uuid[:])
	e.ID = apier.FormatEndpointID(row.uuid)
	var settings endpointSettings
	if err := json.Unmarshal([]byte(stmt.ColumnText(3)), &settings); err != nil {
		return nil, fmt.Errorf("settings of endpoint %s: %w", e.ID, err)
	}
	settings.applyTo(e)
	e.Status = endpointStatusOf(stmt.ColumnInt64(4))
	e.DisabledReason = stmt.ColumnText(5)
	e.HoldUntil = apier.Timestamp(stmt.ColumnInt64(6))
	e.Pending, e.Delivered, e.Failed = stmt.ColumnInt64(7), stmt.ColumnInt64(8), stmt.ColumnInt64(9)
	e.ConsecutiveFailures = stmt.ColumnInt64(10)
	e.FailingSince = apier.Timestamp(stmt.ColumnInt64(11))
	e.LastSuccessAt = apier.Timestamp(stmt.ColumnInt64(12))
	e.LastFailureAt = apier.Timestamp(stmt.ColumnInt64(13))
	e.LastError = stmt.ColumnText(14)
	e.CreatedAt = apier.Timestamp(stmt.ColumnInt64(15))
	e.UpdatedAt = apier.Timestamp(stmt.ColumnInt64(16))
	return row, nil
}

func endpointStatusNumber(s apier.EndpointStatus) int64 {
	switch s {
	case apier.EndpointPaused:
		return 2
	case apier.EndpointDisabled:
		return 3
	default:
		return 1
	}
}

func endpointStatusOf(number int64) apier.EndpointStatus {
	switch number {
	case 2:
		return apier.EndpointPaused
	case 3:
		return apier.EndpointDisabled
	default:
		return apier.EndpointActive
	}
}

func queryEndpoints(conn *sqlite.Conn, where string, args ...any) (rows []*endpointRow, err error) {
	err = sqlitex.Execute(conn, "SELECT "+endpointColumns+" FROM endpoints p "+where, &sqlitex.ExecOptions{
		Args: args, ResultFunc: func(stmt *sqlite.Stmt) error {
			row, err := scanEndpoint(stmt)
			rows = append(rows, row)
			return err
		},
	})
	return rows, err
}

// findEndpoint gives an endpoint of the tenant, or not_found.
func findEndpoint(conn *sqlite.Conn, tenant int64, id apier.EndpointID) (*endpointRow, error) {
	raw, ok := apier.ParseEndpointID(id)
	if !ok || tenant == 0 {
		return nil, errNoEndpoint(id)
	}
	rows, err := queryEndpoints(conn, "WHERE p.uuid = ? AND p.tenant = ?", raw[:], tenant)
	if err == nil && len(rows) == 0 {
		err = errNoEndpoint(id)
	}
	if err != nil {
		return nil, err
	}
	rows[0].tenant = tenant
	return rows[0], nil
}

func errNoEndpoint(id apier.EndpointID) error {
	return apier.Errorf(apier.CodeNotFound, "There is no endpoint %q.", id)
}

// endpoint gives an endpoint for the operations of this batch, by its id.
func (b *batch) endpoint(name apier.TenantID, id apier.EndpointID) (*endpointRow, error) {
	tenant, err := b.tenant(name)
	if err != nil {
		return nil, err
	}
	found, err := findEndpoint(b.conn, tenant, id)
	if err != nil {
		return nil, err
	}
	return b.adoptEndpoint(name, found)
}

// endpointByNumber gives an endpoint for the operations of this batch; nil: it is gone.
func (b *batch) endpointByNumber(name apier.TenantID, tenant, number int64) (*endpointRow, error) {
	if row := b.endpoints[number]; row != nil {
		return row.unlessGone(), nil
	}
	rows, err := queryEndpoints(b.conn, "WHERE p.number = ?", number)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	rows[0].tenant = tenant
	return b.adoptEndpoint(name, rows[0])
}

func (b *batch) adoptEndpoint(name apier.TenantID, found *endpointRow) (*endpointRow, error) {
	if row := b.endpoints[found.number]; row != nil {
		if row.gone {
			return nil, errNoEndpoint(found.endpoint.ID)
		}
		return row, nil
	}
	found.name = name
	if b.endpoints == nil {
		b.endpoints = make(map[int64]*endpointRow)
	}
	b.endpoints[found.number] = found
	return found, nil
}

func (r *endpointRow) unlessGone() *endpointRow {
	if r.gone {
		return nil
	}
	return r
}

// count moves a delivery from one status to another in the counters; "" is none.
func (r *endpointRow) count(from, to apier.DeliveryStatus) {
	r.add(from, -1)
	r.add(to, 1)
	r.dirty = true
}

func (r *endpointRow) add(status apier.DeliveryStatus, n int64) {
	switch status { //nolint:exhaustive // canceled ones are not counted
	case apier.DeliveryPending:
		r.endpoint.Pending += n
	case apier.DeliveryDelivered:
		r.endpoint.Delivered += n
	case apier.DeliveryFailed:
		r.endpoint.Failed += n
	}
}

// writeEndpoints writes what the operations changed, each endpoint once, and announces it.
func (b *batch) writeEndpoints() error {
	for _, number := range sortedKeys(b.endpoints) {
		row := b.endpoints[number]
		if !row.dirty || row.gone {
			continue
		}
		e := &row.endpoint
		e.Seq, e.UpdatedAt = b.nextSeq(row.tenant), b.now
		if err := exec(b.conn, `UPDATE endpoints SET seq = ?, hold_until = ?,
			pending = ?, delivered = ?, failed = ?, failures = ?, failing_since = ?, last_success_at = ?, last_failure_at = ?,
			last_error = ?, updated_at = ? WHERE number = ?`,
			int64(e.Seq), int64(e.HoldUntil),
			e.Pending, e.Delivered, e.Failed, e.ConsecutiveFailures, int64(e.FailingSince), int64(e.LastSuccessAt), int64(e.LastFailureAt),
			e.LastError, int64(e.UpdatedAt), number); err != nil {
			return err
		}
		shown := *e
		b.announceEndpoint(row.name, &shown, "", e.Seq)
	}
	return nil
}

// writeSettings stores what decides where events go: at once, since the rest of the batch is routed by it.
func (b *batch) writeSettings(row *endpointRow) error {
	e := &row.endpoint
	settings, err := json.Marshal(settingsOf(e))
	if err != nil {
		return err
	}
	row.dirty = true
	b.route(row)
	return exec(b.conn, "UPDATE endpoints SET settings = ?, status = ?, disabled_reason = ? WHERE number = ?",
		string(settings), endpointStatusNumber(e.Status), e.DisabledReason, row.number)
}

func (b *batch) announceEndpoint(tenant apier.TenantID, e *apier.Endpoint, gone apier.EndpointID, seq apier.Seq) {
	b.change(apier.Change{
		Tenant: tenant, Kind: apier.EndpointChanged, Endpoint: e, Gone: gone, Seq: seq, At: b.now,
	})
}
