package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func openForReads(t *testing.T, o store.Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "apier.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// G10: however much some tenants read, another tenant's read, a key's look-up and the health check find a connection.
func TestOneTenantsReadsLeaveConnectionsToOthers(t *testing.T) {
	t.Parallel()
	s := openForReads(t, store.Options{ReadTimeout: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	begun := make(chan struct{}, 100)
	for _, tenant := range []apier.TenantID{"greedy", "second"} {
		for range 20 {
			reading.Go(func() {
				_ = s.readOf(ctx, tenant, func(*sqlite.Conn) error {
					begun <- struct{}{}
					<-ctx.Done()
					return nil
				})
			})
		}
	}
	for range 6 { // at least: the first of two that come alone may have four, or each three
		<-begun
	}
	if _, err := s.List(t.Context(), "modest", store.Filter{}); err != nil {
		t.Error(err)
	}
	if _, err := s.KeyByHash(t.Context(), [32]byte{}); apier.AsError(err).Code != apier.CodeNotFound {
		t.Error(err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if busy, _ := s.Readers(); busy >= readers {
		t.Errorf("%d are busy", busy)
	}
	cancel()
	reading.Wait()
}

const endlessQuery = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"

// A read that does not end is ended, and leaves its connection usable.
func TestAReadEndsInTime(t *testing.T) {
	t.Parallel()
	s := openForReads(t, store.Options{ReadTimeout: time.Millisecond})
	for range readers + ownReaders + 1 {
		err := s.readOf(t.Context(), "t", func(conn *sqlite.Conn) error { return sqlitex.Execute(conn, endlessQuery, nil) })
		if !errors.Is(err, store.ErrReadTimeout) || apier.AsError(err).Code != apier.CodeUnavailable {
			t.Fatal(err)
		}
	}
	if _, err := s.Epoch(t.Context()); err != nil {
		t.Error(err)
	}
}
