package sqlite

import (
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
)

// maxKnownTypes bounds the writer's memory of types that are in the table.
const maxKnownTypes = 1 << 16

// tenantRow is a tenant with its counters; id 0: nothing is stored of it.
type tenantRow struct {
	id                         int64
	pending, delivered, failed int64
	floor                      apier.Seq
	seq                        apier.Seq // the latest
	place                      int64     // the latest of all tenants
}

func readTenant(conn *sqlite.Conn, name apier.TenantID) (tenantRow, error) {
	var row tenantRow
	err := sqlitex.Execute(conn, "SELECT id, pending, delivered, failed, floor_seq, seq, (SELECT seq FROM meta) FROM tenants WHERE name = ?",
		&sqlitex.ExecOptions{Args: []any{string(name)}, ResultFunc: func(stmt *sqlite.Stmt) error {
			row = tenantRow{
				id:      stmt.ColumnInt64(0),
				pending: stmt.ColumnInt64(1), delivered: stmt.ColumnInt64(2), failed: stmt.ColumnInt64(3),
				floor: apier.Seq(stmt.ColumnInt64(4)), seq: apier.Seq(stmt.ColumnInt64(5)), place: stmt.ColumnInt64(6),
			}
			return nil
		}})
	return row, err
}

// tenant gives the number of a tenant; 0 if there is none.
func (b *batch) tenant(name apier.TenantID) (int64, error) {
	if id := b.writer.tenants[name]; id != 0 {
		return id, nil
	}
	if id := b.tenants[name]; id != 0 {
		return id, nil
	}
	row, err := readTenant(b.conn, name)
	if err == nil && row.id != 0 {
		b.learnTenant(name, row.id)
	}
	return row.id, err
}

// ensureTenant gives the number of a tenant, new if need be.
func (b *batch) ensureTenant(name apier.TenantID) (int64, error) {
	id, err := b.tenant(name)
	if err != nil || id != 0 {
		return id, err
	}
	if err := exec(b.conn, "INSERT INTO tenants (name) VALUES (?)", string(name)); err != nil {
		return 0, err
	}
	id = b.conn.LastInsertRowID()
	b.learnTenant(name, id)
	return id, nil
}

func (b *batch) learnTenant(name apier.TenantID, id int64) {
	if b.tenants == nil {
		b.tenants = make(map[apier.TenantID]int64)
	}
	b.tenants[name] = id
}

// ensureType remembers that the tenant uses a type.
func (b *batch) ensureType(tenant int64, name string) error {
	key := typeKey{tenant, name}
	if _, known := b.writer.types[key]; known {
		return nil
	}
	if _, known := b.types[key]; known {
		return nil
	}
	if err := exec(b.conn, "INSERT INTO types (tenant, type) VALUES (?, ?) ON CONFLICT DO NOTHING", tenant, name); err != nil {
		return err
	}
	if b.types == nil {
		b.types = make(map[typeKey]struct{})
	}
	b.types[key] = struct{}{}
	return nil
}
