package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// The numbers of an operation's status and kind as stored.
const (
	operationRunning = 1
	operationDone    = 2
	operationStopped = 3

	kindAcknowledge = 1
)

// operationRow is an operation as stored.
type operationRow struct {
	number, tenant  int64
	name            apier.TenantID
	subject         string
	position, until int64
	operation       apier.Operation
}

const operationColumns = "SELECT o.number, o.tenant, t.name, o.uuid, o.selection, o.subject, o.status, o.position, " +
	"o.until, o.total, o.done, o.skipped, o.created_at, o.updated_at FROM operations o JOIN tenants t ON t.id = o.tenant "

func scanOperation(stmt *sqlite.Stmt) (*operationRow, error) {
	var id [16]byte
	stmt.ColumnBytes(3, id[:])
	r := &operationRow{
		number: stmt.ColumnInt64(0), tenant: stmt.ColumnInt64(1), name: apier.TenantID(stmt.ColumnText(2)),
		subject: stmt.ColumnText(5), position: stmt.ColumnInt64(7), until: stmt.ColumnInt64(8),
	}
	r.operation = apier.Operation{
		ID: apier.FormatOperationID(id), Kind: apier.OperationAcknowledge, Status: operationStatusOf(stmt.ColumnInt64(6)),
		Total: stmt.ColumnInt64(9), Done: stmt.ColumnInt64(10), Skipped: stmt.ColumnInt64(11),
		CreatedAt: apier.Timestamp(stmt.ColumnInt64(12)), UpdatedAt: apier.Timestamp(stmt.ColumnInt64(13)),
	}
	return r, json.Unmarshal([]byte(stmt.ColumnText(4)), &r.operation.Selection)
}

func operationStatusOf(number int64) apier.OperationStatus {
	switch number {
	case operationDone:
		return apier.OperationDone
	case operationStopped:
		return apier.OperationStopped
	default:
		return apier.OperationRunning
	}
}

func queryOperations(conn *sqlite.Conn, where string, args ...any) (rows []*operationRow, err error) {
	err = sqlitex.Execute(conn, operationColumns+where, &sqlitex.ExecOptions{Args: args, ResultFunc: func(stmt *sqlite.Stmt) error {
		row, err := scanOperation(stmt)
		rows = append(rows, row)
		return err
	}})
	return rows, err
}

func findOperation(conn *sqlite.Conn, tenant int64, id apier.OperationID) (*operationRow, error) {
	raw, ok := apier.ParseOperationID(id)
	missing := apier.Errorf(apier.CodeNotFound, "There is no operation %q.", id)
	if !ok {
		return nil, missing
	}
	rows, err := queryOperations(conn, "WHERE o.uuid = ? AND o.tenant = ?", raw[:], tenant)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, missing
	}
	return rows[0], nil
}

// CreateOperation implements store.Operations. It counts beside the writer, which it must not hold up.
func (s *Store) CreateOperation(ctx context.Context, tenant apier.TenantID, begun store.NewOperation) (apier.Operation, error) {
	selection, err := json.Marshal(begun.Selection)
	if err != nil {
		return apier.Operation{}, fmt.Errorf("encode selection: %w", err)
	}
	total, err := s.CountOperable(ctx, tenant, begun)
	if err != nil {
		return apier.Operation{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return apier.Operation{}, fmt.Errorf("make an id: %w", err)
	}
	var created apier.Operation
	err = s.submit(ctx, tenant, 1, func(b *batch) error {
		number, err := b.ensureTenant(tenant)
		if err != nil {
			return err
		}
		if err := b.roomForOperation(number, string(selection)); err != nil {
			return err
		}
		if err := exec(b.conn, `INSERT INTO operations (tenant, uuid, kind, selection, subject, status, until, total, created_at, updated_at)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)`,
			number, id[:], kindAcknowledge, string(selection), begun.Subject, operationRunning, b.place, total, int64(b.now)); err != nil {
			return err
		}
		created = apier.Operation{
			ID: apier.FormatOperationID(id), Kind: begun.Kind, Selection: begun.Selection, Status: apier.OperationRunning,
			Total: total, CreatedAt: b.now, UpdatedAt: b.now,
		}
		return nil
	})
	return created, wrap("create operation", err)
}

// roomForOperation refuses a second operation on the same selection, and one too many.
func (b *batch) roomForOperation(tenant int64, selection string) error {
	running, same := 0, false
	err := sqlitex.Execute(b.conn, "SELECT selection FROM operations INDEXED BY operations_running WHERE status = 1 AND tenant = ?",
		&sqlitex.ExecOptions{Args: []any{tenant}, ResultFunc: func(stmt *sqlite.Stmt) error {
			running++
			same = same || stmt.ColumnText(0) == selection
			return nil
		}})
	switch most := b.writer.store.options.MaxOperations; {
	case err != nil:
		return err
	case same:
		return apier.Errorf(apier.CodeConflict, "An operation of this kind is running for the same selection. Follow it in GET /api/operations, or stop it first.")
	case running >= most:
		return apier.Errorf(apier.CodeConflict, "%d operations are running already, as many as may be (--max-operations). Wait for one to end, or stop it.", running)
	}
	return nil
}

// StopOperation implements store.Operations.
func (s *Store) StopOperation(ctx context.Context, tenant apier.TenantID, id apier.OperationID) (apier.Operation, error) {
	var stopped apier.Operation
	err := s.submit(ctx, tenant, 1, func(b *batch) error {
		row, err := b.operation(tenant, id)
		if err != nil {
			return err
		}
		if row.operation.Status == apier.OperationRunning {
			err = b.writeOperation(row, apier.OperationStopped)
		}
		stopped = row.operation
		return err
	})
	return stopped, wrap("stop operation", err)
}

func (b *batch) operation(name apier.TenantID, id apier.OperationID) (*operationRow, error) {
	tenant, err := b.tenant(name)
	if err != nil {
		return nil, err
	}
	return findOperation(b.conn, tenant, id)
}

func (b *batch) writeOperation(row *operationRow, status apier.OperationStatus) error {
	o := &row.operation
	o.Status, o.UpdatedAt = status, b.now
	number := map[apier.OperationStatus]int{
		apier.OperationRunning: operationRunning, apier.OperationDone: operationDone, apier.OperationStopped: operationStopped,
	}[status]
	return exec(b.conn, "UPDATE operations SET status = ?, position = ?, done = ?, skipped = ?, updated_at = ? WHERE number = ?",
		number, row.position, o.Done, o.Skipped, int64(b.now), row.number)
}

// Operation implements store.Operations.
func (s *Store) Operation(ctx context.Context, tenant apier.TenantID, id apier.OperationID) (apier.Operation, error) {
	row, err := s.operationRow(ctx, tenant, id)
	if err != nil {
		return apier.Operation{}, wrap("read operation", err)
	}
	return row.operation, nil
}

func (s *Store) operationRow(ctx context.Context, tenant apier.TenantID, id apier.OperationID) (row *operationRow, err error) {
	err = s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
		row, err = findOperation(conn, t.id, id)
		return err
	})
	return row, err
}

// ListOperations implements store.Operations.
func (s *Store) ListOperations(
	ctx context.Context, tenant apier.TenantID, page store.PageOf[apier.OperationID],
) (store.OperationPage, error) {
	var found store.OperationPage
	limit := min(max(page.Limit, 1), maxPage)
	err := s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
		before := int64(1) << 62
		if page.StartingAfter != "" {
			last, err := findOperation(conn, t.id, page.StartingAfter)
			if err != nil {
				return err
			}
			before = last.number
		}
		rows, err := queryOperations(conn, "WHERE o.tenant = ? AND o.number < ? ORDER BY o.number DESC LIMIT ?", t.id, before, limit+1)
		found.HasMore = len(rows) > limit
		for _, row := range rows[:min(limit, len(rows))] {
			found.Operations = append(found.Operations, row.operation)
		}
		return err
	})
	return found, wrap("list operations", err)
}

// RunningOperations implements store.Operations.
func (s *Store) RunningOperations(ctx context.Context) (refs []store.OperationRef, err error) {
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		rows, err := queryOperations(conn, "WHERE o.status = 1 ORDER BY o.number")
		for _, row := range rows {
			refs = append(refs, store.OperationRef{Tenant: row.name, ID: row.operation.ID})
		}
		return err
	})
	return refs, wrap("read running operations", err)
}
