package sqlite

import (
	"context"
	"strings"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

const selectKeys = `SELECT k.id, t.name, k.name, k.hint, k.scopes, k.created_at, k.revoked_at
	FROM keys k JOIN tenants t ON t.id = k.tenant `

func scanKey(stmt *sqlite.Stmt) store.Key {
	return store.Key{
		ID: stmt.ColumnText(0), Tenant: apier.TenantID(stmt.ColumnText(1)), Name: stmt.ColumnText(2),
		Hint: stmt.ColumnText(3), Scopes: strings.Fields(stmt.ColumnText(4)),
		CreatedAt: apier.Timestamp(stmt.ColumnInt64(5)), RevokedAt: apier.Timestamp(stmt.ColumnInt64(6)),
	}
}

func queryKeys(conn *sqlite.Conn, where string, args ...any) (keys []store.Key, err error) {
	err = sqlitex.Execute(conn, selectKeys+where, &sqlitex.ExecOptions{
		Args: args, ResultFunc: func(stmt *sqlite.Stmt) error {
			keys = append(keys, scanKey(stmt))
			return nil
		},
	})
	return keys, err
}

// CreateKey implements store.Keys.
func (s *Store) CreateKey(ctx context.Context, tenant apier.TenantID, key store.NewKey) (store.Key, error) {
	var created store.Key
	err := s.submit(ctx, tenant, 1, func(b *batch) error {
		taken, err := queryKeys(b.conn, "WHERE k.id = ? OR k.hash = ?", key.ID, key.Hash[:])
		if err != nil {
			return err
		}
		if len(taken) > 0 {
			return apier.Errorf(apier.CodeConflict, "There is such a key already. Make a new one.")
		}
		number, err := b.ensureTenant(tenant)
		if err != nil {
			return err
		}
		created = store.Key{
			ID: key.ID, Tenant: tenant, Name: key.Name, Hint: key.Hint, Scopes: key.Scopes, CreatedAt: b.now,
		}
		return exec(b.conn, "INSERT INTO keys (id, tenant, name, hint, hash, scopes, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
			key.ID, number, key.Name, key.Hint, key.Hash[:], strings.Join(key.Scopes, " "), int64(b.now))
	})
	return created, wrap("create key", err)
}

// Keys implements store.Keys.
func (s *Store) Keys(ctx context.Context, tenant apier.TenantID) ([]store.Key, error) {
	var keys []store.Key
	err := s.read(ctx, func(conn *sqlite.Conn) (err error) {
		keys, err = queryKeys(conn, "WHERE t.name = ? ORDER BY k.number", string(tenant))
		return err
	})
	return keys, wrap("read keys", err)
}

// RevokeKey implements store.Keys.
func (s *Store) RevokeKey(ctx context.Context, tenant apier.TenantID, id string) error {
	return wrap("revoke key", s.submit(ctx, tenant, 1, func(b *batch) error {
		found, err := queryKeys(b.conn, "WHERE k.id = ? AND t.name = ?", id, string(tenant))
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return errNoKey()
		}
		return exec(b.conn, "UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at = 0", int64(b.now), id)
	}))
}

// KeyByHash implements store.Keys.
func (s *Store) KeyByHash(ctx context.Context, hash [32]byte) (store.Key, error) {
	return s.key(ctx, "WHERE k.hash = ? AND k.revoked_at = 0", hash[:])
}

// KeyByID implements store.Keys.
func (s *Store) KeyByID(ctx context.Context, tenant apier.TenantID, id string) (store.Key, error) {
	return s.key(ctx, "WHERE k.id = ? AND t.name = ? AND k.revoked_at = 0", id, string(tenant))
}

func (s *Store) key(ctx context.Context, where string, args ...any) (store.Key, error) {
	var keys []store.Key
	err := s.read(ctx, func(conn *sqlite.Conn) (err error) {
		keys, err = queryKeys(conn, where, args...)
		return err
	})
	if err == nil && len(keys) == 0 {
		err = errNoKey()
	}
	if err != nil {
		return store.Key{}, wrap("read key", err)
	}
	return keys[0], nil
}

func errNoKey() error { return apier.Errorf(apier.CodeNotFound, "There is no such key.") }
