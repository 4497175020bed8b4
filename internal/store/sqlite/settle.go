package sqlite

import (
	"context"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// Settle implements store.Events.
func (s *Store) Settle(
	ctx context.Context, tenant apier.TenantID, id apier.EventID, outcome store.Outcome,
) (apier.Event, error) {
	op := &settleOp{tenant: tenant, id: id, outcome: outcome}
	if err := s.submitSlices(ctx, tenant, 1, op.apply); err != nil {
		return apier.Event{}, wrap("settle event", err)
	}
	return op.event, nil
}

type settleOp struct {
	tenant  apier.TenantID
	id      apier.EventID
	outcome store.Outcome
	event   apier.Event
}

func (o *settleOp) apply(b *batch) error {
	tenant, found, err := b.find(o.tenant, o.id)
	if err != nil {
		return err
	}
	if !found.inInbox() {
		if err := b.thinOut(o.tenant, tenant, &found); err != nil {
			return err
		}
	}
	o.event = found.event
	previous := found.event.Status
	if previous == apier.StatusDelivered && o.outcome.Status == apier.StatusDelivered {
		return nil
	}
	settle(&o.event, o.outcome, b.now)
	o.event.Seq = b.nextSeq(tenant)
	if err := updateEvent(b, found.createdSeq, &o.event); err != nil {
		return err
	}
	b.tally.settled(tenant, previous, &o.event)
	updated := apier.EventChange(o.tenant, apier.Updated, o.event)
	updated.PreviousStatus = previous
	b.change(updated)
	if found.inInbox() { // and so to no endpoint
		return nil
	}
	return b.cancelOpen(o.tenant, found.createdSeq) // whoever settles by hand wants no endpoint to have it still
}

// settle is what a delivery's end makes of an event.
func settle(e *apier.Event, outcome store.Outcome, now apier.Timestamp) {
	e.Status = outcome.Status
	e.UpdatedAt = now
	e.DeliveryAttempts++
	e.LastDeliveryAttempt = now
	if outcome.Status == apier.StatusDelivered {
		e.ErrorMessage = ""
		e.DeliveryLatencyMS = max(int64(now-e.CreatedAt), 0) // the clock may have been set back
		return
	}
	e.ErrorMessage = outcome.ErrorMessage
	e.DeliveryLatencyMS = -1
}

func updateEvent(b *batch, createdSeq apier.Seq, e *apier.Event) error {
	return updateEventAs(b, createdSeq, e, statusNumber(e.Status))
}

func updateEventAs(b *batch, createdSeq apier.Seq, e *apier.Event, status int64) error {
	b.spend(1, len(e.Payload)) // the row is written whole
	stmt, err := b.conn.Prepare(`UPDATE events SET seq = ?, status = ?, updated_at = ?, attempts = ?,
		attempted_at = ?, latency_ms = ?, error = ? WHERE created_seq = ?`)
	if err != nil {
		return err
	}
	stmt.BindInt64(1, int64(e.Seq))
	stmt.BindInt64(2, status)
	stmt.BindInt64(3, int64(e.UpdatedAt))
	stmt.BindInt64(4, int64(e.DeliveryAttempts))
	stmt.BindInt64(5, int64(e.LastDeliveryAttempt))
	stmt.BindInt64(6, e.DeliveryLatencyMS)
	stmt.BindText(7, e.ErrorMessage)
	stmt.BindInt64(8, int64(createdSeq))
	_, err = stmt.Step()
	return err
}
