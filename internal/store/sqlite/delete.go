package sqlite

import (
	"context"

	"github.com/apier/apier"
)

// Delete implements store.Events.
func (s *Store) Delete(ctx context.Context, tenant apier.TenantID, id apier.EventID) error {
	op := &deleteOp{tenant: tenant, id: id}
	return wrap("delete event", s.submitSlices(ctx, tenant, 1, op.apply))
}

type deleteOp struct {
	tenant apier.TenantID
	id     apier.EventID
}

func (o *deleteOp) apply(b *batch) error {
	tenant, found, err := b.find(o.tenant, o.id)
	if err != nil {
		return err
	}
	if err := b.thinOut(o.tenant, tenant, &found); err != nil {
		return err
	}
	if err := b.cancelOpen(o.tenant, found.createdSeq); err != nil {
		return err
	}
	if err := b.forgetCopies(tenant, &found); err != nil {
		return err
	}
	b.purgeDue = true
	if err := exec(b.conn, "DELETE FROM events WHERE created_seq = ?", int64(found.createdSeq)); err != nil {
		return err
	}
	gone := apier.Event{ID: o.id, Type: found.event.Type, Seq: b.nextSeq(tenant), UpdatedAt: b.now}
	uuid, _ := apier.ParseEventID(string(o.id)) // it was found
	err = exec(b.conn, "INSERT INTO tombstones (seq, created_seq, tenant, uuid, type, deleted_at, told_seq) VALUES (?, ?, ?, ?, ?, ?, ?)",
		b.place, int64(found.createdSeq), tenant, uuid[:], gone.Type, int64(b.now), b.differing(gone.Seq))
	if err != nil {
		return err
	}
	b.tally.deleted(tenant, found.event.Status, b.now)
	b.change(apier.EventChange(o.tenant, apier.Deleted, gone))
	return nil
}
