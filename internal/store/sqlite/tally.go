package sqlite

import (
	"unicode/utf8"

	"zombiezen.com/go/sqlite"

	"github.com/apier/apier"
)

const (
	minuteMS = 60_000
	hourMS   = 60 * minuteMS

	maxErrorKey = 200 // bytes of a failure's message that tell it from others
)

// tally adds up the counters of one transaction, so that each row is written once.
type tally struct {
	tenants   map[int64]*statusCounts
	minutes   map[minuteKey]*activity
	latencies map[latencyKey]int64
	errors    map[errorKey]*errorCount
}

type (
	statusCounts struct{ pending, delivered, failed int64 }
	activity     struct {
		created, delivered, failed             int64
		reopened, deleted, expired             int64
		leftPending, leftDelivered, leftFailed int64
	}
	minuteKey  struct{ tenant, minute int64 }
	latencyKey struct{ tenant, minute, bucket int64 }
	errorKey   struct {
		tenant, hour int64
		message      string
	}
	errorCount struct {
		count    int64
		typ      string
		lastSeen apier.Timestamp
	}
)

func newTally() tally {
	return tally{
		tenants:   make(map[int64]*statusCounts),
		minutes:   make(map[minuteKey]*activity),
		latencies: make(map[latencyKey]int64),
		errors:    make(map[errorKey]*errorCount),
	}
}

func (t *tally) clear() {
	clear(t.tenants)
	clear(t.minutes)
	clear(t.latencies)
	clear(t.errors)
}

func (t *tally) created(tenant int64, now apier.Timestamp, n int) {
	t.status(tenant, apier.StatusPending, int64(n))
	t.activity(tenant, now).created += int64(n)
}

// reopened takes back the end of an event.
func (t *tally) reopened(tenant int64, previous apier.Status, now apier.Timestamp) {
	t.leaves(tenant, previous, now)
	t.status(tenant, apier.StatusPending, 1)
	t.activity(tenant, now).reopened++
}

// deleted counts an event that is gone by hand.
func (t *tally) deleted(tenant int64, status apier.Status, now apier.Timestamp) {
	t.leaves(tenant, status, now)
	t.activity(tenant, now).deleted++
}

// expired counts an event that has left in silence.
func (t *tally) expired(tenant int64, status apier.Status, now apier.Timestamp) {
	t.leaves(tenant, status, now)
	t.activity(tenant, now).expired++
}

// leaves takes an event out of a status.
func (t *tally) leaves(tenant int64, status apier.Status, now apier.Timestamp) {
	t.status(tenant, status, -1)
	a := t.activity(tenant, now)
	switch status {
	case apier.StatusPending:
		a.leftPending++
	case apier.StatusDelivered:
		a.leftDelivered++
	case apier.StatusFailed:
		a.leftFailed++
	}
}

func (t *tally) settled(tenant int64, previous apier.Status, e *apier.Event) {
	t.leaves(tenant, previous, e.UpdatedAt)
	t.status(tenant, e.Status, 1)
	if e.Status == apier.StatusDelivered {
		t.activity(tenant, e.UpdatedAt).delivered++
		t.latencies[latencyKey{tenant, int64(e.UpdatedAt) / minuteMS, int64(bucketOf(e.DeliveryLatencyMS))}]++
		return
	}
	t.activity(tenant, e.UpdatedAt).failed++
	t.failure(errorKey{tenant, int64(e.UpdatedAt) / hourMS, cut(e.ErrorMessage, maxErrorKey)}, e)
}

func (t *tally) failure(key errorKey, e *apier.Event) {
	c := t.errors[key]
	if c == nil {
		c = new(errorCount)
		t.errors[key] = c
	}
	c.count++
	c.typ, c.lastSeen = e.Type, e.UpdatedAt
}

func (t *tally) status(tenant int64, status apier.Status, n int64) {
	c := t.tenants[tenant]
	if c == nil {
		c = new(statusCounts)
		t.tenants[tenant] = c
	}
	switch status {
	case apier.StatusPending:
		c.pending += n
	case apier.StatusDelivered:
		c.delivered += n
	case apier.StatusFailed:
		c.failed += n
	}
}

func (t *tally) activity(tenant int64, at apier.Timestamp) *activity {
	key := minuteKey{tenant, int64(at) / minuteMS}
	a := t.minutes[key]
	if a == nil {
		a = new(activity)
		t.minutes[key] = a
	}
	return a
}

// cut shortens s to at most limit bytes without cutting a rune.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

const addMinute = `INSERT INTO minutes (tenant, minute, created, delivered, failed, reopened, deleted, expired,
	left_pending, left_delivered, left_failed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT DO UPDATE SET created = created + excluded.created,
	delivered = delivered + excluded.delivered, failed = failed + excluded.failed,
	reopened = reopened + excluded.reopened, deleted = deleted + excluded.deleted, expired = expired + excluded.expired,
	left_pending = left_pending + excluded.left_pending, left_delivered = left_delivered + excluded.left_delivered,
	left_failed = left_failed + excluded.left_failed`

// write adds the counts to the rows.
func (t *tally) write(conn *sqlite.Conn) error {
	for tenant, c := range t.tenants {
		if err := exec(conn, `UPDATE tenants SET pending = pending + ?, delivered = delivered + ?, failed = failed + ?
			WHERE id = ?`, c.pending, c.delivered, c.failed, tenant); err != nil {
			return err
		}
	}
	for key, a := range t.minutes {
		if err := exec(conn, addMinute, key.tenant, key.minute, a.created, a.delivered, a.failed,
			a.reopened, a.deleted, a.expired, a.leftPending, a.leftDelivered, a.leftFailed); err != nil {
			return err
		}
	}
	for key, n := range t.latencies {
		if err := exec(conn, `INSERT INTO latencies (tenant, minute, bucket, count) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET count = count + excluded.count`, key.tenant, key.minute, key.bucket, n); err != nil {
			return err
		}
	}
	return t.writeErrors(conn)
}

func (t *tally) writeErrors(conn *sqlite.Conn) error {
	for key, c := range t.errors {
		if err := exec(conn, `INSERT INTO errors (tenant, hour, message, count, type, last_seen) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET count = count + excluded.count, type = excluded.type, last_seen = excluded.last_seen`,
			key.tenant, key.hour, key.message, c.count, c.typ, int64(c.lastSeen)); err != nil {
			return err
		}
	}
	return nil
}
