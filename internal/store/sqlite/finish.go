package sqlite

import (
	"context"
	"encoding/json"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/google/uuid"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// TypeEndpointDisabled is the type of the event that tells of an endpoint that was disabled.
const typeEndpointDisabled = "system.endpoint_disabled"

// Finish implements store.Deliveries.
func (s *Store) Finish(
	ctx context.Context, tenant apier.TenantID, claimed store.Claimed, attempt apier.Attempt, verdict store.Verdict,
) (apier.Delivery, error) {
	op := &finishOp{tenant: tenant, claimed: claimed, attempt: attempt, verdict: verdict}
	if err := s.submit(ctx, 3+len(attempt.ResponseBody)>>10, op.apply); err != nil {
		return apier.Delivery{}, wrap("finish delivery", err)
	}
	return op.delivery, nil
}

type finishOp struct {
	tenant   apier.TenantID
	claimed  store.Claimed
	attempt  apier.Attempt
	verdict  store.Verdict
	delivery apier.Delivery
}

func (o *finishOp) apply(b *batch) error {
	row, err := b.held(o.tenant, o.claimed)
	if err != nil {
		return err
	}
	if row == nil {
		return apier.Errorf(apier.CodeConflict, "The lease of delivery %s was lost: another attempt, a retry or a cancellation came first.", o.claimed.Delivery.ID)
	}
	endpoint, err := b.endpointByNumber(o.tenant, row.tenant, row.endpoint)
	if err != nil {
		return err
	}
	if endpoint != nil {
		endpoint.count(apier.DeliveryPending, o.verdict.Status)
		o.judge(endpoint, b.now)
	}
	if err := o.record(b, row); err != nil {
		return err
	}
	if err := b.writeDelivery(o.tenant, row); err != nil {
		return err
	}
	o.delivery = row.delivery
	if row.delivery.Status == apier.DeliveryPending {
		if endpoint != nil {
			b.due(endpoint, row.dueAt)
		}
	} else if err := b.passTurn(endpoint, row); err != nil {
		return err
	}
	if err := b.attempted(o.tenant, row); err != nil || endpoint == nil {
		return err
	}
	if o.verdict.DisableReason != "" {
		return b.disable(endpoint, o.verdict.DisableReason)
	}
	return b.wakeLane(endpoint)
}

// record moves the delivery on and stores the attempt.
func (o *finishOp) record(b *batch, row *deliveryRow) error {
	d := &row.delivery
	d.Status = o.verdict.Status
	d.Attempts++
	if !o.verdict.Blameless {
		d.Tries++
	}
	d.LeasedUntil = 0
	d.StatusCode, d.ErrorKind, d.ErrorMessage = o.attempt.StatusCode, o.attempt.ErrorKind, o.attempt.ErrorMessage
	row.dueAt = int64(o.verdict.DueAt)
	o.attempt.Number = d.Attempts
	o.attempt.NextAttemptAt = 0
	if d.Status == apier.DeliveryPending {
		o.attempt.NextAttemptAt = o.verdict.DueAt
	}
	detail, err := json.Marshal(attemptDetail(o.attempt))
	if err != nil {
		return err
	}
	body := o.attempt.ResponseBody
	return exec(b.conn, "INSERT INTO attempts (delivery, number, started_at, detail, body) VALUES (?, ?, ?, ?, ?)",
		row.number, d.Attempts, int64(o.attempt.StartedAt), string(detail), body)
}

// judge keeps the endpoint's health.
func (o *finishOp) judge(endpoint *endpointRow, now apier.Timestamp) {
	e := &endpoint.endpoint
	endpoint.dirty = true
	switch {
	case o.attempt.OK():
		e.LastSuccessAt, e.ConsecutiveFailures, e.FailingSince, e.HoldUntil = now, 0, 0, 0
	case o.verdict.Blameless:
	default:
		e.LastFailureAt, e.LastError = now, o.attempt.ErrorMessage
		if e.ConsecutiveFailures++; e.FailingSince == 0 {
			e.FailingSince = now
		}
		if o.verdict.HoldUntil != 0 {
			e.HoldUntil = o.verdict.HoldUntil
		}
	}
}

// attempted shows an attempt on its event: its counters, and its status once all deliveries of it have ended.
func (b *batch) attempted(name apier.TenantID, d *deliveryRow) error {
	found, err := eventAt(b.conn, d.event)
	if err != nil || found == nil {
		return err
	}
	e := found.event
	e.DeliveryAttempts++
	e.LastDeliveryAttempt = b.now
	if d.delivery.ErrorKind != "" {
		e.ErrorMessage = d.delivery.ErrorMessage
	}
	return b.restate(name, d.tenant, found, e)
}

// restate gives an event the status that follows from its deliveries, and announces it as changed.
func (b *batch) restate(name apier.TenantID, tenant int64, found *row, next apier.Event) error {
	counts, err := countDeliveries(b.conn, found.createdSeq)
	if err != nil {
		return err
	}
	previous := found.event.Status
	next.Status = counts.status(previous)
	next.UpdatedAt, next.Seq = b.now, b.nextSeq()
	if previous != next.Status {
		switch next.Status {
		case apier.StatusDelivered:
			next.ErrorMessage = ""
			next.DeliveryLatencyMS = max(int64(b.now-next.CreatedAt), 0)
			b.tally.settled(tenant, previous, &next)
		case apier.StatusFailed:
			next.DeliveryLatencyMS = -1
			b.tally.settled(tenant, previous, &next)
		case apier.StatusPending:
			next.DeliveryLatencyMS = -1
			b.tally.reopened(tenant, previous)
		}
	}
	if err := updateEventAs(b, found.createdSeq, &next, counts.eventStatus(next.Status)); err != nil {
		return err
	}
	b.changes = append(b.changes, apier.Change{Tenant: name, Kind: apier.Updated, PreviousStatus: previous, Event: next})
	return nil
}

// deliveryCounts are the deliveries of one event by status.
type deliveryCounts struct{ pending, delivered, failed, canceled int64 }

// status follows from the deliveries: failed when one has given up, delivered when all have it. What was delivered
// stays so while another is under way; canceled ones do not count; without any, the event waits in the inbox.
func (c deliveryCounts) status(previous apier.Status) apier.Status {
	switch {
	case c.failed > 0:
		return apier.StatusFailed
	case previous == apier.StatusDelivered:
		return previous
	case c.pending > 0 || c.delivered == 0:
		return apier.StatusPending
	default:
		return apier.StatusDelivered
	}
}

// eventStatus gives the number of a status as stored: an event that endpoints are to have is not in the inbox.
func (c deliveryCounts) eventStatus(s apier.Status) int64 {
	if s == apier.StatusPending && c.pending > 0 {
		return statusRouted
	}
	return statusNumber(s)
}

func countDeliveries(conn *sqlite.Conn, event apier.Seq) (c deliveryCounts, err error) {
	err = sqlitex.Execute(conn, "SELECT status, count(*) FROM deliveries INDEXED BY deliveries_by_event WHERE event = +? GROUP BY status",
		&sqlitex.ExecOptions{Args: []any{int64(event)}, ResultFunc: func(stmt *sqlite.Stmt) error {
			n := stmt.ColumnInt64(1)
			switch deliveryStatusOf(stmt.ColumnInt64(0)) {
			case apier.DeliveryPending:
				c.pending = n
			case apier.DeliveryDelivered:
				c.delivered = n
			case apier.DeliveryFailed:
				c.failed = n
			case apier.DeliveryCanceled:
				c.canceled = n
			}
			return nil
		}})
	return c, err
}

// disable ends the sending to an endpoint and tells of it by an event.
func (b *batch) disable(endpoint *endpointRow, reason string) error {
	e := &endpoint.endpoint
	e.Status, e.DisabledReason = apier.EndpointDisabled, cut(reason, 300)
	if err := b.writeSettings(endpoint); err != nil {
		return err
	}
	payload, err := json.Marshal(map[string]any{"endpoint_id": e.ID, "url": e.URL, "reason": e.DisabledReason, "failing_since": e.FailingSince})
	if err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	a := &appendOp{tenant: endpoint.name, uuids: []uuid.UUID{id}, events: []apier.Event{{
		ID: apier.FormatEventID(id), Type: typeEndpointDisabled, Source: "apier", Payload: payload,
		Status: apier.StatusPending, DeliveryLatencyMS: -1,
	}}}
	return a.apply(b)
}

// cancel ends an open delivery without an outcome.
func (b *batch) cancel(name apier.TenantID, row *deliveryRow) error {
	endpoint, err := b.endpointByNumber(name, row.tenant, row.endpoint)
	if err != nil {
		return err
	}
	if endpoint != nil {
		endpoint.count(row.delivery.Status, apier.DeliveryCanceled)
	}
	row.delivery.Status = apier.DeliveryCanceled
	row.delivery.LeasedUntil = 0
	row.fence++
	if err := b.writeDelivery(name, row); err != nil {
		return err
	}
	return b.passTurn(endpoint, row)
}

// cancelOpen cancels what is open of one event.
func (b *batch) cancelOpen(name apier.TenantID, event apier.Seq) error {
	open, err := queryDeliveries(b.conn, "INDEXED BY deliveries_by_event WHERE d.event = ? AND d.status = 1 ORDER BY d.number", int64(event))
	if err != nil {
		return err
	}
	for _, row := range open {
		if err := b.cancel(name, row); err != nil {
			return err
		}
	}
	return nil
}

// cancelSlice cancels some of an endpoint's open deliveries; more: there are others.
func (b *batch) cancelSlice(name apier.TenantID, id apier.EndpointID) (more bool, err error) {
	endpoint, err := b.endpoint(name, id)
	if err != nil {
		return false, err
	}
	open, err := queryDeliveries(b.conn, "INDEXED BY deliveries_by_endpoint WHERE d.endpoint = ? AND d.status = 1 ORDER BY d.number LIMIT ?",
		endpoint.number, housekeepingSlice)
	for _, row := range open {
		if err == nil {
			err = b.cancel(name, row)
		}
		if err != nil {
			return false, err
		}
		found, err := eventAt(b.conn, row.event)
		if err != nil {
			return false, err
		}
		if found != nil {
			if err := b.restate(name, row.tenant, found, found.event); err != nil {
				return false, err
			}
		}
	}
	return len(open) == housekeepingSlice, err
}

// Retry implements store.Deliveries.
func (s *Store) Retry(ctx context.Context, tenant apier.TenantID, id apier.DeliveryID) (apier.Delivery, error) {
	var retried apier.Delivery
	err := s.submit(ctx, 3, func(b *batch) error {
		number, err := b.tenant(tenant)
		if err != nil {
			return err
		}
		row, err := findDelivery(b.conn, number, id)
		if err != nil {
			return err
		}
		err = b.beginAnew(tenant, row)
		retried = row.delivery
		return err
	})
	return retried, wrap("retry delivery", err)
}

// beginAnew makes a delivery due now, with a fresh schedule.
func (b *batch) beginAnew(name apier.TenantID, row *deliveryRow) error {
	endpoint, err := b.endpointByNumber(name, row.tenant, row.endpoint)
	if err != nil {
		return err
	}
	found, err := eventAt(b.conn, row.event)
	switch {
	case err != nil:
		return err
	case endpoint == nil:
		return apier.Errorf(apier.CodeConflict, "The endpoint of delivery %s was deleted. Replay the event to another one.", row.delivery.ID)
	case found == nil:
		return apier.Errorf(apier.CodeConflict, "The event of delivery %s was deleted: there is nothing to send.", row.delivery.ID)
	case row.delivery.LeasedUntil > b.now:
		return apier.Errorf(apier.CodeConflict, "An attempt of delivery %s is under way. Look at its outcome first.", row.delivery.ID)
	}
	endpoint.count(row.delivery.Status, apier.DeliveryPending)
	endpoint.dirty = true
	row.delivery.Status, row.delivery.Tries, row.delivery.LeasedUntil = apier.DeliveryPending, 0, 0
	row.dueAt = int64(b.now)
	row.fence++
	if err := b.takeTurn(row); err != nil {
		return err
	}
	if err := b.writeDelivery(name, row); err != nil {
		return err
	}
	b.due(endpoint, row.dueAt)
	return b.restate(name, row.tenant, found, found.event)
}
