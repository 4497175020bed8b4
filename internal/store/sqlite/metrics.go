package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// Summary implements store.Metrics.
func (s *Store) Summary(ctx context.Context, tenant apier.TenantID) (store.Summary, error) {
	var sum store.Summary
	err := s.readOf(ctx, tenant, func(conn *sqlite.Conn) error {
		t, err := readTenant(conn, tenant)
		sum = store.Summary{
			Total: t.pending + t.delivered + t.failed, Pending: t.pending, Delivered: t.delivered, Failed: t.failed,
			Seq: t.seq,
		}
		return err
	})
	return sum, wrap("read summary", err)
}

// rowsSince runs a query over the rows of a tenant since a minute or hour, and returns the seq it was read at.
func (s *Store) rowsSince(
	ctx context.Context, tenant apier.TenantID, query string, since int64, row func(*sqlite.Stmt) error, more ...any,
) (seq apier.Seq, err error) {
	err = s.readOf(ctx, tenant, func(conn *sqlite.Conn) error {
		t, err := readTenant(conn, tenant)
		if err != nil {
			return err
		}
		seq = t.seq
		return sqlitex.Execute(conn, query, &sqlitex.ExecOptions{
			Args: append([]any{t.id, since}, more...), ResultFunc: row,
		})
	})
	return seq, err
}

// Latency implements store.Metrics.
func (s *Store) Latency(ctx context.Context, tenant apier.TenantID, since time.Time) (store.Latency, error) {
	var (
		latency     store.Latency
		whole, part histogram
		minute      int64
	)
	endMinute := func() {
		if part.total > 0 {
			latency.Series = append(latency.Series, store.LatencyPoint{At: apier.Timestamp(minute * minuteMS), Quantiles: part.quantiles()})
			part = histogram{}
		}
	}
	seq, err := s.rowsSince(ctx, tenant, latenciesSince, since.UnixMilli()/minuteMS, func(stmt *sqlite.Stmt) error {
		if m := stmt.ColumnInt64(0); m != minute {
			endMinute()
			minute = m
		}
		whole.add(stmt.ColumnInt(1), stmt.ColumnInt64(2))
		part.add(stmt.ColumnInt(1), stmt.ColumnInt64(2))
		return nil
	})
	if err != nil {
		return store.Latency{}, wrap("read latency", err)
	}
	endMinute()
	latency.Quantiles, latency.Seq = whole.quantiles(), seq
	return latency, nil
}

const (
	latenciesSince = `SELECT minute, bucket, count FROM latencies
		WHERE tenant = ? AND minute >= ? ORDER BY minute, bucket`
	minutesSince = `SELECT minute, created, delivered, failed, reopened, deleted, expired, left_pending, left_delivered, left_failed FROM minutes
		WHERE tenant = ? AND minute >= ? ORDER BY minute`
	errorsSince = `SELECT message, type, sum(count), max(last_seen) FROM errors -- type: of the row with the max
		WHERE tenant = ? AND hour >= ? GROUP BY message ORDER BY 3 DESC, 4 DESC, 1 LIMIT ?`
)

// Throughput implements store.Metrics.
func (s *Store) Throughput(ctx context.Context, tenant apier.TenantID, since time.Time) (store.Throughput, error) {
	var found store.Throughput
	seq, err := s.rowsSince(ctx, tenant, minutesSince, since.UnixMilli()/minuteMS, func(stmt *sqlite.Stmt) error {
		found.Series = append(found.Series, store.MinutePoint{
			At:      apier.Timestamp(stmt.ColumnInt64(0) * minuteMS),
			Created: stmt.ColumnInt64(1), Delivered: stmt.ColumnInt64(2), Failed: stmt.ColumnInt64(3),
			Reopened: stmt.ColumnInt64(4), Deleted: stmt.ColumnInt64(5), Expired: stmt.ColumnInt64(6),
			LeftPending: stmt.ColumnInt64(7), LeftDelivered: stmt.ColumnInt64(8), LeftFailed: stmt.ColumnInt64(9),
		})
		return nil
	})
	found.Seq = seq
	return found, wrap("read throughput", err)
}

// TopErrors implements store.Metrics. It counts by whole hours.
func (s *Store) TopErrors(
	ctx context.Context, tenant apier.TenantID, since time.Time, limit int,
) ([]store.ErrorCount, error) {
	var top []store.ErrorCount
	_, err := s.rowsSince(ctx, tenant, errorsSince, since.UnixMilli()/hourMS, func(stmt *sqlite.Stmt) error {
		top = append(top, store.ErrorCount{
			Message: stmt.ColumnText(0), Type: stmt.ColumnText(1),
			Count: stmt.ColumnInt64(2), LastSeen: apier.Timestamp(stmt.ColumnInt64(3)),
		})
		return nil
	}, min(max(limit, 1), maxPage))
	return top, wrap("read top errors", err)
}

// PendingRetries implements store.Metrics.
func (s *Store) PendingRetries(ctx context.Context, tenant apier.TenantID) (n int64, err error) {
	err = s.readOf(ctx, tenant, func(conn *sqlite.Conn) error {
		t, err := readTenant(conn, tenant)
		if err != nil {
			return err
		}
		return sqlitex.Execute(conn, "SELECT count(*) FROM deliveries WHERE tenant = ? AND status = 1 AND attempts > 0",
			&sqlitex.ExecOptions{Args: []any{t.id}, ResultFunc: func(stmt *sqlite.Stmt) error {
				n = stmt.ColumnInt64(0)
				return nil
			}})
	})
	return n, wrap("count retries", err)
}
