package sqlite

import (
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Rows that were written while the clock was ahead carry times that come years later. None of them may keep others, or
// itself, from leaving, from being handed out or from being sent.

// The longest that a lease or a delay, and a wait between attempts, may be; beyond it the time is no time of ours.
const longestWait = 8 * day

// redated are times that nobody is shown, or that are plainly wrong as shown: they become now.
var redated = []string{ //nolint:gochecknoglobals // a table
	"UPDATE idempotency SET created_at = ?1 WHERE (tenant, key) IN (SELECT tenant, key FROM idempotency WHERE created_at > ?2 LIMIT ?3)",
	"UPDATE attempts SET started_at = ?1 WHERE (delivery, number) IN (SELECT delivery, number FROM attempts INDEXED BY attempts_by_age WHERE body IS NOT NULL AND started_at > ?2 LIMIT ?3)",
	"UPDATE erasures SET updated_at = ?1 WHERE number IN (SELECT number FROM erasures WHERE status = 2 AND updated_at > ?2 LIMIT ?3)",
	"UPDATE recoveries SET updated_at = ?1 WHERE number IN (SELECT number FROM recoveries WHERE status <> 1 AND updated_at > ?2 LIMIT ?3)",
	"UPDATE operations SET updated_at = ?1 WHERE number IN (SELECT number FROM operations WHERE status <> 1 AND updated_at > ?2 LIMIT ?3)",
}

// remerged are counters of minutes and hours that have not come: they count for the present one.
var remerged = []struct { //nolint:gochecknoglobals // a table
	unit   int64 // milliseconds
	add    string
	remove string
}{
	{
		minuteMS, `INSERT INTO minutes (tenant, minute, created, delivered, failed)
		SELECT tenant, ?1, sum(created), sum(delivered), sum(failed) FROM minutes WHERE minute > ?2 GROUP BY tenant
		ON CONFLICT DO UPDATE SET created = created + excluded.created, delivered = delivered + excluded.delivered, failed = failed + excluded.failed`,
		"DELETE FROM minutes WHERE minute > ?",
	},
	{minuteMS, `INSERT INTO latencies (tenant, minute, bucket, count)
		SELECT tenant, ?1, bucket, sum(count) FROM latencies WHERE minute > ?2 GROUP BY tenant, bucket
		ON CONFLICT DO UPDATE SET count = count + excluded.count`, "DELETE FROM latencies WHERE minute > ?"},
	{hourMS, `INSERT INTO errors (tenant, hour, message, count, type, last_seen)
		SELECT tenant, ?1, message, sum(count), max(type), ?3 FROM errors WHERE hour > ?2 GROUP BY tenant, message
		ON CONFLICT DO UPDATE SET count = count + excluded.count`, "DELETE FROM errors WHERE hour > ?"},
}

// redate mends a slice of the rows that are dated ahead of the trusted clock, once the wall clock agrees with it.
func (b *batch) redate() (more bool, err error) {
	watch := b.writer.store.watch
	if watch.off != 0 || !watch.mend {
		return false, nil
	}
	now, future := int64(b.trusted), watch.future()
	for _, query := range redated {
		if err := exec(b.conn, query, now, future, housekeepingSlice); err != nil {
			return false, err
		}
		more = more || b.conn.Changes() == housekeepingSlice
	}
	for _, m := range remerged {
		if err := b.remerge(m.add, m.remove, now, m.unit); err != nil {
			return false, err
		}
	}
	watch.mend = more
	return more, b.redateWaits(now)
}

func (b *batch) remerge(add, remove string, now, unit int64) error {
	here, future := now/unit, now/unit+1 // the clock may be at the end of this one
	args := []any{here, future}
	if unit == hourMS {
		args = append(args, now)
	}
	if err := exec(b.conn, add, args...); err != nil {
		return err
	}
	return exec(b.conn, remove, future)
}

// redateWaits makes due what was to be waited for by a clock that was ahead: leases, events that were given back, and
// deliveries. That may be early, and is at least once.
func (b *batch) redateWaits(now int64) error {
	latest := now + longestWait.Milliseconds()
	if err := exec(b.conn, "UPDATE endpoints SET hold_until = 0 WHERE hold_until > ?", latest); err != nil {
		return err
	}
	groups, err := b.numbers("SELECT id FROM inbox_groups WHERE open > 0")
	if err != nil {
		return err
	}
	for _, group := range groups {
		if err := exec(b.conn, "UPDATE inbox_leases SET due_at = ?1 WHERE (group_id, event) IN "+
			"(SELECT group_id, event FROM inbox_leases INDEXED BY inbox_leases_by_due WHERE group_id = ?2 AND due_at > ?3 LIMIT ?4)",
			now, group, latest, housekeepingSlice); err != nil {
			return err
		}
	}
	endpoints, err := b.numbers("SELECT number FROM endpoints WHERE pending > 0")
	if err != nil {
		return err
	}
	for _, endpoint := range endpoints {
		if err := exec(b.conn, "UPDATE deliveries SET due_at = ?1, leased_until = min(leased_until, ?1) WHERE number IN "+
			"(SELECT number FROM deliveries INDEXED BY deliveries_due WHERE status = 1 AND endpoint = ?2 AND due_at > ?3 AND due_at < ?4 LIMIT ?5)",
			now, endpoint, latest, int64(blocked), housekeepingSlice); err != nil {
			return err
		}
		if b.conn.Changes() == 0 {
			continue
		}
		if err := b.dueAgain(endpoint, now); err != nil {
			return err
		}
	}
	return nil
}

// dueAgain tells the dispatcher of an endpoint by its number.
func (b *batch) dueAgain(number, now int64) error {
	var tenant int64
	err := sqlitex.Execute(b.conn, "SELECT tenant FROM endpoints WHERE number = ?", &sqlitex.ExecOptions{
		Args: []any{number}, ResultFunc: func(stmt *sqlite.Stmt) error { tenant = stmt.ColumnInt64(0); return nil },
	})
	if err != nil {
		return err
	}
	name, err := b.tenantName(tenant)
	if err != nil {
		return err
	}
	endpoint, err := b.endpointByNumber(name, tenant, number)
	if err == nil && endpoint != nil {
		b.due(endpoint, now)
	}
	return err
}

func (b *batch) numbers(query string) (found []int64, err error) {
	err = sqlitex.Execute(b.conn, query, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		found = append(found, stmt.ColumnInt64(0))
		return nil
	}})
	return found, err
}

// oldBehind finds an event that is too old behind those that are dated ahead, a slice at a time; 0: there is none, or
// not yet.
func (b *batch) oldBehind(after, before int64) (found int64, more bool, err error) {
	cursor := &b.writer.aheadCursor
	*cursor = max(*cursor, after)
	rows, young := 0, false
	err = sqlitex.Execute(b.conn, "SELECT created_seq, created_at FROM events WHERE created_seq > ? ORDER BY created_seq LIMIT ?",
		&sqlitex.ExecOptions{Args: []any{*cursor, housekeepingSlice}, ResultFunc: func(stmt *sqlite.Stmt) error {
			rows++
			*cursor = stmt.ColumnInt64(0)
			switch at := stmt.ColumnInt64(1); {
			case young || at > b.writer.store.watch.future():
			case at >= before:
				young = true
			default:
				found = *cursor
			}
			return nil
		}})
	if more = rows == housekeepingSlice && !young && found == 0; !more {
		*cursor = 0
	}
	return found, more, err
}
