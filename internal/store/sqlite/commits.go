package sqlite

import "github.com/apier/apier"

// hasChanged reports whether the batch has changed any row. One that has not is no commit: /readyz asks the writer
// again and again.
func (b *batch) hasChanged() (bool, error) {
	if b.place != b.firstPlace {
		return true, nil
	}
	stmt, err := b.conn.Prepare("SELECT total_changes()")
	if err != nil {
		return false, err
	}
	if _, err := stmt.Step(); err != nil {
		return false, err
	}
	changed := stmt.ColumnInt64(0) != b.changed
	return changed, stmt.Reset()
}

// clock is the latest time given to a change.
func (b *batch) clock() apier.Timestamp {
	if b.place != b.firstPlace {
		return b.now
	}
	return b.latest
}
