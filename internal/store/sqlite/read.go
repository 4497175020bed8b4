package sqlite

import (
	"context"
	"errors"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// read runs fn in one read transaction: all it sees is of one moment.
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

// readAs runs fn for a tenant; the row is zero where nothing is stored of it.
func (s *Store) readAs(ctx context.Context, tenant apier.TenantID, fn func(*sqlite.Conn, tenantRow) error) error {
	return s.read(ctx, func(conn *sqlite.Conn) error {
		t, err := readTenant(conn, tenant)
		if err != nil {
			return err
		}
		return fn(conn, t)
	})
}

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

// Position implements store.Store.
func (s *Store) Position(ctx context.Context) (store.Position, error) {
	var p store.Position
	err := s.read(ctx, func(conn *sqlite.Conn) (err error) {
		p, err = readPosition(conn)
		return err
	})
	return p, wrap("read position", err)
}

func readPosition(conn *sqlite.Conn) (p store.Position, err error) {
	err = sqlitex.Execute(conn, "SELECT epoch, seq FROM meta", &sqlitex.ExecOptions{
		ResultFunc: func(stmt *sqlite.Stmt) error {
			p = store.Position{Epoch: stmt.ColumnText(0), Seq: apier.Seq(stmt.ColumnInt64(1))}
			return nil
		},
	})
	return p, err
}

// Ping implements store.Store.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := s.Position(ctx); err != nil {
		return wrap("ping", err)
	}
	return wrap("ping the writer", s.submit(ctx, "", 0, func(*batch) error { return nil }))
}
