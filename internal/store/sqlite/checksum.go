package sqlite

import (
	"encoding/binary"
	"hash/crc32"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
)

// contentSum is the checksum of what a sender gave, and of the id. It is made beside the writer.
func contentSum(id [16]byte, eventType, source string, payload []byte) uint32 {
	table := castagnoli()
	sum := crc32.Checksum(id[:], table)
	sum = crc32.Update(sum, table, append([]byte(eventType), 0))
	sum = crc32.Update(sum, table, append([]byte(source), 0))
	return crc32.Update(sum, table, payload)
}

// eventSum is the checksum as stored: of the content, the place and the time of an event.
func eventSum(content uint32, createdSeq apier.Seq, at apier.Timestamp) int64 {
	var place [16]byte
	binary.BigEndian.PutUint64(place[:8], uint64(createdSeq))
	binary.BigEndian.PutUint64(place[8:], uint64(at))
	return int64(crc32.Update(content, castagnoli(), place[:]))
}

// sumEvents walks a slice of the events after a place, oldest first, and returns the last of them, 0 where there is
// none. It calls each with whether a checksum is stored, whether it fits, and what it should be.
func sumEvents(conn *sqlite.Conn, after, upto apier.Seq, each func(e summedEvent)) (last apier.Seq, err error) {
	stmt, err := conn.Prepare("SELECT e.created_seq, e.uuid, e.type, e.source, e.created_at, e.payload, e.checksum " +
		"FROM events e WHERE e.created_seq > ? AND e.created_seq <= ? ORDER BY e.created_seq LIMIT ?")
	if err != nil {
		return 0, err
	}
	defer func() { _ = stmt.Reset() }()
	stmt.BindInt64(1, int64(after))
	stmt.BindInt64(2, int64(upto))
	stmt.BindInt64(3, housekeepingSlice)
	for bytes := 0; bytes < sliceBytes; {
		more, err := stmt.Step()
		if err != nil || !more {
			return last, err
		}
		last = apier.Seq(stmt.ColumnInt64(0))
		var uuid [16]byte
		stmt.ColumnBytes(1, uuid[:])
		payload := columnBytes(stmt, 5)
		bytes += len(payload)
		content := contentSum(uuid, stmt.ColumnText(2), stmt.ColumnText(3), payload)
		sum := eventSum(content, last, apier.Timestamp(stmt.ColumnInt64(4)))
		each(summedEvent{
			seq: last, id: apier.FormatEventID(uuid), sum: sum,
			known: stmt.ColumnType(6) != sqlite.TypeNull, good: stmt.ColumnInt64(6) == sum,
		})
	}
	return last, nil
}

type summedEvent struct {
	seq         apier.Seq
	id          apier.EventID
	sum         int64
	known, good bool
}

// fillSums gives a slice of the events that an older program wrote their checksums. Until then they are unknown.
func (b *batch) fillSums() (more bool, err error) {
	var from, upto apier.Seq
	err = sqlitex.Execute(b.conn, "SELECT unsummed_from, unsummed_upto FROM meta", &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		from, upto = apier.Seq(stmt.ColumnInt64(0)), apier.Seq(stmt.ColumnInt64(1))
		return nil
	}})
	if err != nil || from >= upto {
		return false, err
	}
	var found []summedEvent
	last, err := sumEvents(b.conn, from, upto, func(e summedEvent) {
		if !e.known {
			found = append(found, e)
		}
	})
	if err != nil {
		return false, err
	}
	for _, e := range found {
		if err := exec(b.conn, "UPDATE events SET checksum = ? WHERE created_seq = ?", e.sum, int64(e.seq)); err != nil {
			return false, err
		}
	}
	if last == 0 {
		last = upto
	}
	return last < upto, exec(b.conn, "UPDATE meta SET unsummed_from = ?", int64(last))
}
