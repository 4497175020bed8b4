package sqlite

import (
	"context"

	"github.com/apier/apier"
)

// erasedPayload is what is shown of an event whose payload was erased; stored is none at all.
const erasedPayload = "{}"

// EraseEvent implements store.Retention.
func (s *Store) EraseEvent(ctx context.Context, tenant apier.TenantID, id apier.EventID) (apier.Event, error) {
	var event apier.Event
	err := s.submitSlices(ctx, tenant, 8, func(b *batch) error {
		number, found, err := b.find(tenant, id)
		if err == nil {
			event, err = b.erase(tenant, number, &found)
		}
		b.purge = b.purge || err == nil
		return err
	})
	return event, wrap("erase event", err)
}

// erase takes the payload of an event and all that repeats it.
func (b *batch) erase(name apier.TenantID, tenant int64, found *row) (apier.Event, error) {
	if found.event.Erased {
		return found.event, nil
	}
	if err := b.thinOut(name, tenant, found); err != nil {
		return apier.Event{}, err
	}
	if err := b.cancelOpen(name, found.createdSeq); err != nil {
		return apier.Event{}, err
	}
	if err := b.forgetCopies(tenant, found); err != nil {
		return apier.Event{}, err
	}
	e, previous := found.event, found.event.Status
	e.Payload, e.Erased = []byte(erasedPayload), true
	e.UpdatedAt, e.Seq = b.now, b.nextSeq(tenant)
	if previous == apier.StatusPending {
		e.Status, e.ErrorMessage = apier.StatusFailed, "erased before it was delivered"
		b.tally.settled(tenant, previous, &e)
	}
	if err := updateEvent(b, found.createdSeq, &e); err != nil {
		return apier.Event{}, err
	}
	uuid, _ := apier.ParseEventID(string(e.ID))
	sum := eventSum(contentSum(uuid, e.Type, e.Source, nil), found.createdSeq, e.CreatedAt)
	if err := exec(b.conn, "UPDATE events SET payload = x'', checksum = ? WHERE created_seq = ?", sum, int64(found.createdSeq)); err != nil {
		return apier.Event{}, err
	}
	b.left.Erased++
	updated := apier.EventChange(name, apier.Updated, e)
	updated.PreviousStatus = previous
	b.change(updated)
	return e, nil
}

// forgetCopies removes what may repeat the payload of an event: the receivers' answers, the order keys, and
// what our own receiver kept.
func (b *batch) forgetCopies(tenant int64, found *row) error {
	seq := int64(found.createdSeq)
	if err := exec(b.conn, "DELETE FROM attempts WHERE delivery IN (SELECT number FROM deliveries INDEXED BY deliveries_by_event WHERE event = ?)", seq); err != nil {
		return err
	}
	if err := exec(b.conn, "UPDATE deliveries INDEXED BY deliveries_by_event SET order_key = '' WHERE event = ? AND order_key <> ''", seq); err != nil {
		return err
	}
	return exec(b.conn, "UPDATE webhooks INDEXED BY webhooks_by_message SET body = x'', headers = '{}', size = 0 WHERE tenant = ? AND message = ?",
		tenant, string(found.event.ID))
}
