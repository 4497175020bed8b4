package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
)

// tenantHead is how far the history of a tenant has come in a transaction.
type tenantHead struct{ first, seq apier.Seq }

// nextSeq returns the next seq of a tenant, and takes the next place among those of all; a rollback takes both back.
func (b *batch) nextSeq(tenant int64) apier.Seq {
	b.place++
	head := b.head(tenant)
	head.seq++
	return head.seq
}

// head returns the head of a tenant. Where it cannot be read, the commit fails.
func (b *batch) head(tenant int64) *tenantHead {
	if head := b.heads[tenant]; head != nil {
		return head
	}
	head := new(tenantHead)
	err := sqlitex.Execute(b.conn, "SELECT seq FROM tenants WHERE id = ?", &sqlitex.ExecOptions{
		Args: []any{tenant}, ResultFunc: func(stmt *sqlite.Stmt) error {
			head.seq = apier.Seq(stmt.ColumnInt64(0))
			return nil
		},
	})
	if err != nil {
		b.headErr = err
	}
	head.first = head.seq
	if b.heads == nil {
		b.heads = make(map[int64]*tenantHead)
	}
	b.heads[tenant] = head
	return head
}

// writeHeads stores how far each tenant has come, and where it began in this run.
func (b *batch) writeHeads() error {
	if b.headErr != nil {
		return b.headErr
	}
	for tenant, head := range b.heads {
		if head.seq == head.first {
			continue
		}
		if err := exec(b.conn, "UPDATE tenants SET seq = ? WHERE id = ?", int64(head.seq), tenant); err != nil {
			return err
		}
		if b.run == 0 || b.writer.runs[tenant] == b.run {
			continue
		}
		if err := exec(b.conn, "INSERT OR IGNORE INTO tenant_runs (tenant, run, from_seq) VALUES (?, ?, ?)", tenant, b.run, int64(head.first)+1); err != nil {
			return err
		}
	}
	return nil
}

// differing returns a tenant's seq as a row of the latest place keeps it: NULL where both are the same.
func (b *batch) differing(seq apier.Seq) any {
	if int64(seq) == b.place {
		return nil
	}
	return int64(seq)
}

// Each returns the first row of a tenant from a place on, and its seq.
const (
	eventsFrom   = "SELECT created_seq, coalesce(born_seq, created_seq) FROM events INDEXED BY events_by_tenant WHERE tenant = ? AND created_seq >= ? ORDER BY created_seq LIMIT 1"
	deletedFrom  = "SELECT seq, coalesce(told_seq, seq) FROM tombstones INDEXED BY tombstones_by_tenant WHERE tenant = ? AND seq >= ? ORDER BY seq LIMIT 1"
	goneFrom     = "SELECT seq, coalesce(told_seq, seq) FROM endpoint_tombstones INDEXED BY endpoint_tombstones_by_tenant WHERE tenant = ? AND seq >= ? ORDER BY seq LIMIT 1"
	webhooksFrom = "SELECT seq, coalesce(told_seq, seq) FROM webhooks INDEXED BY webhooks_by_tenant WHERE tenant = ? AND seq >= ? ORDER BY seq LIMIT 1"
)

// placeOfSeq returns a place that splits the rows of a tenant: those up to it have a seq of at most after, those behind
// it a later one. It halves, between the bounds that follow from this: each seq takes a place of its own, so that a
// place is never less than a seq, and between two places there are at least as many as between their seqs. Where there
// is one tenant, that leaves nothing to look for.
func placeOfSeq(conn *sqlite.Conn, t *tenantRow, from string, after apier.Seq) (int64, error) {
	if after >= t.seq {
		return t.place, nil
	}
	low, high := int64(after), t.place-int64(t.seq-after)
	for low < high {
		middle := low + (high-low)/2
		at, seq := int64(0), apier.Seq(0)
		err := sqlitex.Execute(conn, from, &sqlitex.ExecOptions{Args: []any{t.id, middle + 1}, ResultFunc: func(stmt *sqlite.Stmt) error {
			at, seq = stmt.ColumnInt64(0), apier.Seq(stmt.ColumnInt64(1))
			return nil
		}})
		switch {
		case err != nil:
			return 0, err
		case at == 0 || seq > after:
			high = middle
		default:
			low = at
		}
	}
	return low, nil
}

const (
	latestBorn = "SELECT coalesce(born_seq, created_seq) FROM events INDEXED BY events_by_tenant WHERE tenant = ? AND created_seq <= ? ORDER BY created_seq DESC LIMIT 1"
	nextBorn   = "SELECT coalesce(born_seq, created_seq) - 1 FROM events INDEXED BY events_by_tenant WHERE tenant = ? AND created_seq > ? ORDER BY created_seq LIMIT 1"
)

// seqOfPlace returns a seq up to which every event of a tenant stands at the place or before it: that of the latest that
// does. Where there is none any more, that before the next one, or the head.
func seqOfPlace(conn *sqlite.Conn, t *tenantRow, place int64) (seq apier.Seq, err error) {
	for _, query := range []string{latestBorn, nextBorn} {
		found := false
		err := sqlitex.Execute(conn, query, &sqlitex.ExecOptions{Args: []any{t.id, place}, ResultFunc: func(stmt *sqlite.Stmt) error {
			seq, found = apier.Seq(stmt.ColumnInt64(0)), true
			return nil
		}})
		if err != nil || found {
			return seq, err
		}
	}
	return t.seq, nil
}

// Head implements store.Store.
func (s *Store) Head(ctx context.Context, tenant apier.TenantID) (apier.Seq, error) {
	var head apier.Seq
	err := s.readAs(ctx, tenant, func(_ *sqlite.Conn, t tenantRow) error {
		head = t.seq
		return nil
	})
	return head, wrap("read the head", err)
}

// Heads implements store.Store.
func (s *Store) Heads(ctx context.Context) (map[apier.TenantID]apier.Seq, error) {
	heads := map[apier.TenantID]apier.Seq{}
	err := s.read(ctx, func(conn *sqlite.Conn) error {
		return sqlitex.Execute(conn, "SELECT name, seq FROM tenants", &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
			heads[apier.TenantID(stmt.ColumnText(0))] = apier.Seq(stmt.ColumnInt64(1))
			return nil
		}})
	})
	return heads, wrap("read the heads", err)
}

// Epoch implements store.Store.
func (s *Store) Epoch(ctx context.Context) (string, error) {
	var p position
	err := s.read(ctx, func(conn *sqlite.Conn) (err error) {
		p, err = readPosition(conn)
		return err
	})
	return p.epoch, wrap("read the epoch", err)
}
