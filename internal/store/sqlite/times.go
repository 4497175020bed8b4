package sqlite

import (
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
)

// resolveTimes bounds the walk by created_seq, which grows with created_at, so that it begins at the
// first event in question. The conditions on created_at stay, in case the clock was ever set back.
func (q *listQuery) resolveTimes(conn *sqlite.Conn) error {
	if after := q.filter.CreatedAfter; after != 0 {
		from, err := firstCreatedAfter(conn, after)
		if err != nil {
			return err
		}
		q.and("e.created_at > :after", ":after", int64(after))
		q.and("e.created_seq >= :from", ":from", from)
	}
	if before := q.filter.CreatedBefore; before != 0 {
		to, err := firstCreatedAfter(conn, before-1)
		if err != nil {
			return err
		}
		q.and("e.created_at < :before", ":before", int64(before))
		q.and("e.created_seq < :to", ":to", to)
	}
	return nil
}

// resolveSeqs bounds the walk by the seqs of creation.
func (q *listQuery) resolveSeqs(conn *sqlite.Conn) error {
	if from := q.filter.FromSeq; from > 0 {
		place, err := placeOfSeq(conn, &q.tenant, eventsFrom, from-1)
		if err != nil {
			return err
		}
		q.and("e.created_seq > :from_place", ":from_place", place)
	}
	if below := q.filter.BelowSeq; below > 0 {
		place, err := placeOfSeq(conn, &q.tenant, eventsFrom, below-1)
		if err != nil {
			return err
		}
		q.and("e.created_seq <= :upto_place", ":upto_place", place)
	}
	return nil
}

// firstCreatedAfter finds, by halving, a created_seq that splits the events: those before it were
// created at t or earlier, those from it on later.
func firstCreatedAfter(conn *sqlite.Conn, t apier.Timestamp) (int64, error) {
	head, err := readPosition(conn)
	if err != nil {
		return 0, err
	}
	low, high := int64(1), head.place+1 // the answer is in [low, high]
	for low < high {
		middle := low + (high-low)/2
		seq, createdAt, err := eventFrom(conn, middle)
		switch {
		case err != nil:
			return 0, err
		case seq == 0 || createdAt > t:
			high = middle
		default:
			low = seq + 1
		}
	}
	return low, nil
}

// eventFrom gives the first event at or after a created_seq; seq 0: there is none.
func eventFrom(conn *sqlite.Conn, from int64) (seq int64, createdAt apier.Timestamp, err error) {
	err = sqlitex.Execute(conn, "SELECT created_seq, created_at FROM events WHERE created_seq >= ? ORDER BY created_seq LIMIT 1",
		&sqlitex.ExecOptions{Args: []any{from}, ResultFunc: func(stmt *sqlite.Stmt) error {
			seq, createdAt = stmt.ColumnInt64(0), apier.Timestamp(stmt.ColumnInt64(1))
			return nil
		}})
	return seq, createdAt, err
}
