package sqlite

import (
	"context"
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// read runs fn in one read transaction: all it sees is of one moment. It is for the server's own reads, which are short
// and wait for no tenant's; those that a tenant asks for go through readOf.
func (s *Store) read(ctx context.Context, fn func(*sqlite.Conn) error) error {
	if s.isClosed() {
		return errClosed()
	}
	if err := s.inPlace(); err != nil {
		return err
	}
	conn, err := s.pool.Take(ctx)
	if err != nil {
		return s.readError(ctx, err)
	}
	defer s.pool.Put(conn)
	err = exec(conn, "BEGIN")
	if err == nil {
		err = fn(conn)
	}
	conn.SetInterrupt(nil) // or the end of ctx would stop the ROLLBACK too
	if !conn.AutocommitEnabled() {
		err = errors.Join(err, exec(conn, "ROLLBACK"))
	}
	return s.readError(ctx, err)
}

// readOf runs fn as read does, for a tenant: it waits for its share of the connections, and ends in time.
func (s *Store) readOf(ctx context.Context, tenant apier.TenantID, fn func(*sqlite.Conn) error) error {
	limited, cancel := context.WithTimeout(ctx, s.options.ReadTimeout)
	defer cancel()
	err := s.slots.Acquire(limited, tenant)
	if err == nil {
		defer s.slots.Release(tenant)
		err = s.read(limited, fn)
	}
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return fmt.Errorf("%w (%w)", store.ErrReadTimeout, err)
	}
	return err
}

// readAs runs fn as readOf does; the row is zero where nothing is stored of the tenant.
func (s *Store) readAs(ctx context.Context, tenant apier.TenantID, fn func(*sqlite.Conn, tenantRow) error) error {
	return s.readOf(ctx, tenant, func(conn *sqlite.Conn) error {
		t, err := readTenant(conn, tenant)
		if err != nil {
			return err
		}
		return fn(conn, t)
	})
}

// Readers returns how many reads of tenants are under way, and how many wait for their share.
func (s *Store) Readers() (busy, waiting int) { return s.slots.Held(), s.slots.Waiting() }

func (s *Store) isClosed() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.closed
}

// readError tells an interruption from a fault.
func (s *Store) readError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case s.isClosed():
		return errClosed()
	default:
		return errStorage(err)
	}
}

// position is where the history of all tenants stands: a count that never leaves the store.
type position struct {
	epoch string
	place int64
}

func readPosition(conn *sqlite.Conn) (p position, err error) {
	err = sqlitex.Execute(conn, "SELECT epoch, seq FROM meta", &sqlitex.ExecOptions{
		ResultFunc: func(stmt *sqlite.Stmt) error {
			p = position{epoch: stmt.ColumnText(0), place: stmt.ColumnInt64(1)}
			return nil
		},
	})
	return p, err
}
