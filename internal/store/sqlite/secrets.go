package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// RotateSecret implements store.Endpoints.
func (s *Store) RotateSecret(
	ctx context.Context, tenant apier.TenantID, id apier.EndpointID, secret []byte, grace time.Duration,
) error {
	return wrap("rotate secret", s.submit(ctx, tenant, 2, func(b *batch) error {
		row, err := b.endpoint(tenant, id)
		if err != nil {
			return err
		}
		until := int64(b.now) + grace.Milliseconds()
		for _, step := range []struct {
			query string
			args  []any
		}{
			{"UPDATE endpoint_secrets SET expires_at = ?1 WHERE endpoint = ?2 AND (expires_at = 0 OR expires_at > ?1)", []any{until, row.number}},
			{"INSERT INTO endpoint_secrets (endpoint, secret, created_at) VALUES (?, ?, ?)", []any{row.number, secret, int64(b.now)}},
			{"DELETE FROM endpoint_secrets WHERE endpoint = ? AND expires_at <> 0 AND expires_at <= ?", []any{row.number, int64(b.now)}},
			{`DELETE FROM endpoint_secrets WHERE endpoint = ?1 AND number NOT IN
				(SELECT number FROM endpoint_secrets WHERE endpoint = ?1 ORDER BY number DESC LIMIT ?2)`, []any{row.number, store.MaxSecrets}},
		} {
			if err := exec(b.conn, step.query, step.args...); err != nil {
				return err
			}
		}
		row.dirty = true
		return nil
	}))
}

// Secrets implements store.Endpoints.
func (s *Store) Secrets(ctx context.Context, tenant apier.TenantID, id apier.EndpointID) ([][]byte, error) {
	var secrets [][]byte
	err := s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
		row, err := findEndpoint(conn, t.id, id)
		if err != nil {
			return err
		}
		secrets, err = secretsOf(conn, row.number, apier.TimestampOf(s.options.Now()))
		return err
	})
	return secrets, wrap("read secrets", err)
}

func secretsOf(conn *sqlite.Conn, endpoint int64, now apier.Timestamp) (secrets [][]byte, err error) {
	err = sqlitex.Execute(conn, "SELECT secret FROM endpoint_secrets WHERE endpoint = +? AND (expires_at = 0 OR expires_at > +?) ORDER BY number DESC",
		&sqlitex.ExecOptions{Args: []any{endpoint, int64(now)}, ResultFunc: func(stmt *sqlite.Stmt) error {
			secrets = append(secrets, columnBytes(stmt, 0))
			return nil
		}})
	return secrets, err
}
