package sqlite

import (
	"context"
	"encoding/json"
	"errors"

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
	if err := s.submit(ctx, tenant, 3+len(attempt.ResponseBody)>>10, op.apply); err != nil {
		return apier.Delivery{}, wrap("finish delivery", err)
	}
	return op.delivery, nil
}

type finishOp struct {
	tenant   apier.TenantID
	claimed  store.Claimed
	attempt  apier.Attempt
	verdict  store.Verdict // as it was given
	follows  store.Verdict // what comes of it
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
	o.follows = o.verdict
	if endpoint != nil {
		o.forget(endpoint, b.now)
		endpoint.count(apier.DeliveryPending, o.follows.Status)
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
	if o.follows.DisableReason != "" && endpoint.endpoint.Status != apier.EndpointDisabled {
		return b.disable(endpoint, o.follows.DisableReason)
	}
	return b.wakeLane(endpoint)
}

// forget leaves out what an attempt says of an address that was changed while it was under way. One that failed is made
// again at the address that there is now.
func (o *finishOp) forget(endpoint *endpointRow, now apier.Timestamp) {
	switch {
	case o.verdict.URL == "" || o.verdict.URL == endpoint.endpoint.URL:
	case o.attempt.OK():
		o.follows.DisableReason = ""
	default:
		o.follows = store.Verdict{Status: apier.DeliveryPending, DueAt: now, Blameless: true}
	}
}

// record moves the delivery on and stores the attempt.
func (o *finishOp) record(b *batch, row *deliveryRow) error {
	d := &row.delivery
	d.Status = o.follows.Status
	d.Attempts++
	if !o.follows.Blameless {
		d.Tries++
	}
	d.LeasedUntil = 0
	d.StatusCode, d.ErrorKind, d.ErrorMessage = o.attempt.StatusCode, o.attempt.ErrorKind, o.attempt.ErrorMessage
	row.dueAt = int64(o.follows.DueAt)
	o.attempt.Number = d.Attempts
	o.attempt.NextAttemptAt = 0
	if d.Status == apier.DeliveryPending {
		o.attempt.NextAttemptAt = o.follows.DueAt
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
	case o.follows.Blameless:
	default:
		e.LastFailureAt, e.LastError = now, o.attempt.ErrorMessage
		if e.ConsecutiveFailures++; e.FailingSince == 0 {
			e.FailingSince = now
		}
		e.HoldUntil = max(e.HoldUntil, o.follows.HoldUntil) // an attempt begun before the breaker opened does not shorten it
	}
}

// attempted shows an attempt on its event: its counters, and its status once all deliveries of it have ended.
func (b *batch) attempted(name apier.TenantID, d *deliveryRow) error {
	found, err := b.eventAt(d.event)
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

// disable ends the sending to an endpoint and tells of it by an event. Only the change of the status is told of:
// attempts that were under way at the same time may all ask for it.
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
	a := &appendOp{tenant: endpoint.name, told: true}
	if err := a.prepare([]apier.NewEvent{{Type: typeEndpointDisabled, Source: "apier", Payload: payload}}); err != nil {
		return err
	}
	if err := a.apply(b); !errors.Is(err, errMore) {
		return err
	}
	b.fanOuts = append(b.fanOuts, endpoint)
	return nil
}
