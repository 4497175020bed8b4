package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

const (
	recoveryPrefix = "rec_"
	recoveryPage   = 100
	recoverySlice  = 500 // events or deliveries looked at in one step
)

const recoveryColumns = "r.number, r.seq, r.tenant, r.endpoint, r.source, r.kind, r.status, r.since, r.until, r.types, r.rate, r.total, r.done, r.position, " +
	"r.created_at, r.updated_at, t.name, p.uuid, s.uuid, " + idsOfMeta

const recoveryJoins = " FROM recoveries r JOIN tenants t ON t.id = r.tenant LEFT JOIN endpoints p ON p.number = r.endpoint LEFT JOIN endpoints s ON s.number = r.source "

type recoveryRow struct {
	number, tenant, endpoint, source, position int64
	name                                       apier.TenantID
	recovery                                   apier.Recovery
}

func scanRecovery(stmt *sqlite.Stmt) *recoveryRow {
	row := &recoveryRow{
		number: stmt.ColumnInt64(0), tenant: stmt.ColumnInt64(2), endpoint: stmt.ColumnInt64(3), source: stmt.ColumnInt64(4),
		position: stmt.ColumnInt64(13), name: apier.TenantID(stmt.ColumnText(16)),
	}
	ids := scanIDs(stmt, 19)
	row.recovery = apier.Recovery{
		ID: ids.recovery(row.number), Seq: apier.Seq(stmt.ColumnInt64(1)), Kind: apier.RecoverFailed, Status: recoveryStatusOf(stmt.ColumnInt64(6)),
		EndpointID: columnEndpointID(stmt, 17), SourceEndpointID: columnEndpointID(stmt, 18),
		Since: apier.Timestamp(stmt.ColumnInt64(7)), Until: apier.Timestamp(stmt.ColumnInt64(8)), RatePerSecond: stmt.ColumnFloat(10),
		Total: stmt.ColumnInt64(11), Done: stmt.ColumnInt64(12),
		CreatedAt: apier.Timestamp(stmt.ColumnInt64(14)), UpdatedAt: apier.Timestamp(stmt.ColumnInt64(15)),
	}
	_ = json.Unmarshal([]byte(stmt.ColumnText(9)), &row.recovery.Types) // written by CreateRecovery
	if stmt.ColumnInt64(5) == 2 {
		row.recovery.Kind = apier.RecoverReplay
	}
	return row
}

func columnEndpointID(stmt *sqlite.Stmt, column int) apier.EndpointID {
	if stmt.ColumnType(column) == sqlite.TypeNull {
		return ""
	}
	var uuid [16]byte
	stmt.ColumnBytes(column, uuid[:])
	return apier.FormatEndpointID(uuid)
}

func recoveryStatusOf(number int64) apier.RecoveryStatus {
	switch number {
	case 2:
		return apier.RecoveryDone
	case 3:
		return apier.RecoveryStopped
	default:
		return apier.RecoveryRunning
	}
}

func queryRecoveries(conn *sqlite.Conn, rest string, args ...any) (rows []*recoveryRow, err error) {
	err = sqlitex.Execute(conn, "SELECT "+recoveryColumns+recoveryJoins+rest, &sqlitex.ExecOptions{
		Args: args, ResultFunc: func(stmt *sqlite.Stmt) error {
			rows = append(rows, scanRecovery(stmt))
			return nil
		},
	})
	return rows, err
}

func findRecovery(conn *sqlite.Conn, tenant int64, id string) (*recoveryRow, error) {
	raw, ok := apier.ParseDeliveryID(apier.DeliveryID("dlv_" + strings.TrimPrefix(id, recoveryPrefix)))
	missing := apier.Errorf(apier.CodeNotFound, "There is no recovery %q.", id)
	if !ok || tenant == 0 || !strings.HasPrefix(id, recoveryPrefix) {
		return nil, missing
	}
	ids, err := readIDs(conn)
	if err != nil {
		return nil, err
	}
	plain, hidden := ids.open(raw)
	rows, err := queryRecoveries(conn, "WHERE r.number IN (?, ?) AND r.tenant = ?", plain, hidden, tenant)
	for _, row := range rows {
		if row.recovery.ID == id {
			return row, err
		}
	}
	if err != nil {
		return nil, err
	}
	return nil, missing
}

// CountRecoverable implements store.Recoveries.
func (s *Store) CountRecoverable(ctx context.Context, tenant apier.TenantID, recovery apier.Recovery) (int64, error) {
	var n int64
	err := s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) (err error) {
		n, err = countRecoverable(conn, t.id, recovery)
		return err
	})
	return n, wrap("count recoverable deliveries", err)
}

// CreateRecovery implements store.Recoveries. It counts beside the writer, which it must not hold up.
func (s *Store) CreateRecovery(ctx context.Context, tenant apier.TenantID, recovery apier.Recovery) (apier.Recovery, error) {
	total, err := s.CountRecoverable(ctx, tenant, recovery)
	if err != nil {
		return apier.Recovery{}, err
	}
	err = s.submit(ctx, tenant, 1, func(b *batch) error {
		number, err := b.tenant(tenant)
		if err != nil {
			return err
		}
		endpoint, pick, err := newReplayable(b.conn, number, recovery)
		if err != nil {
			return err
		}
		kind := 1
		if recovery.Kind == apier.RecoverReplay {
			kind = 2
		}
		types, err := json.Marshal(recovery.Types)
		if err != nil {
			return err
		}
		seq := b.nextSeq(number)
		if err := exec(b.conn, `INSERT INTO recoveries (seq, tenant, endpoint, source, kind, status, since, until, types, rate, total, created_at, updated_at)
			VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?)`, int64(seq), number, endpoint.number, pick.source, kind,
			int64(recovery.Since), int64(recovery.Until), string(types), recovery.RatePerSecond, total, int64(b.now), int64(b.now)); err != nil {
			return err
		}
		recovery.ID = b.writer.store.ids.recovery(b.conn.LastInsertRowID())
		recovery.Total, recovery.Done, recovery.Status = total, 0, apier.RecoveryRunning
		recovery.Seq, recovery.CreatedAt, recovery.UpdatedAt = seq, b.now, b.now
		b.announceRecovery(tenant, recovery)
		return nil
	})
	return recovery, wrap("create recovery", err)
}

func (b *batch) announceRecovery(tenant apier.TenantID, r apier.Recovery) {
	b.change(apier.Change{
		Tenant: tenant, Kind: apier.RecoveryChanged, Recovery: &r, Seq: r.Seq, At: b.now,
	})
}

// AdvanceRecovery implements store.Recoveries. What comes next is found out beside the writer, and again where it has
// changed meanwhile; an endpoint that changes all the time is left to the next call.
func (s *Store) AdvanceRecovery(ctx context.Context, tenant apier.TenantID, id string, n int) (advanced apier.Recovery, err error) {
	n = min(max(n, 1), recoverySlice)
	for range maxRematches {
		ahead, err := s.lookAheadFor(ctx, tenant, id, n)
		if err != nil {
			return advanced, wrap("look ahead of a recovery", err)
		}
		advanced, err = s.changeRecovery(ctx, tenant, id, 3*n, func(b *batch, row *recoveryRow) error {
			return b.advance(tenant, row, &ahead)
		})
		if !errors.Is(err, errStale) {
			return advanced, err
		}
	}
	return s.Recovery(ctx, tenant, id)
}

func (b *batch) advance(tenant apier.TenantID, row *recoveryRow, ahead *stepAhead) error {
	if row.recovery.Status != apier.RecoveryRunning {
		return nil
	}
	if row.recovery.EndpointID == "" { // deleted meanwhile
		return b.writeRecovery(tenant, row, apier.RecoveryStopped)
	}
	moved, end, err := b.step(tenant, row, ahead)
	if err != nil {
		return err
	}
	row.recovery.Done += int64(moved)
	status := apier.RecoveryRunning
	if end {
		status = apier.RecoveryDone
	}
	return b.writeRecovery(tenant, row, status)
}

// StopRecovery implements store.Recoveries.
func (s *Store) StopRecovery(ctx context.Context, tenant apier.TenantID, id string) (apier.Recovery, error) {
	return s.changeRecovery(ctx, tenant, id, 1, func(b *batch, row *recoveryRow) error {
		if row.recovery.Status != apier.RecoveryRunning {
			return nil
		}
		return b.writeRecovery(tenant, row, apier.RecoveryStopped)
	})
}

func (s *Store) changeRecovery(
	ctx context.Context, tenant apier.TenantID, id string, weight int, change func(*batch, *recoveryRow) error,
) (apier.Recovery, error) {
	var changed apier.Recovery
	err := s.submit(ctx, tenant, weight, func(b *batch) error {
		number, err := b.tenant(tenant)
		if err != nil {
			return err
		}
		row, err := findRecovery(b.conn, number, id)
		if err != nil {
			return err
		}
		err = change(b, row)
		changed = row.recovery
		return err
	})
	return changed, wrap("change recovery", err)
}

// stopRecoveries ends those of an endpoint that goes.
func (b *batch) stopRecoveries(tenant apier.TenantID, endpoint int64) error {
	running, err := queryRecoveries(b.conn, "WHERE r.endpoint = ? AND r.status = 1", endpoint)
	for _, row := range running {
		if err == nil {
			err = b.writeRecovery(tenant, row, apier.RecoveryStopped)
		}
	}
	return err
}

func (b *batch) writeRecovery(tenant apier.TenantID, row *recoveryRow, status apier.RecoveryStatus) error {
	r := &row.recovery
	r.Status, r.Seq, r.UpdatedAt = status, b.nextSeq(row.tenant), b.now
	number := map[apier.RecoveryStatus]int{apier.RecoveryRunning: 1, apier.RecoveryDone: 2, apier.RecoveryStopped: 3}[status]
	err := exec(b.conn, "UPDATE recoveries SET seq = ?, status = ?, done = ?, position = ?, updated_at = ? WHERE number = ?",
		int64(r.Seq), number, r.Done, row.position, int64(b.now), row.number)
	if err == nil {
		b.announceRecovery(tenant, *r)
	}
	return err
}

// Recovery implements store.Recoveries.
func (s *Store) Recovery(ctx context.Context, tenant apier.TenantID, id string) (apier.Recovery, error) {
	var found apier.Recovery
	err := s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
		row, err := findRecovery(conn, t.id, id)
		if err == nil {
			found = row.recovery
		}
		return err
	})
	return found, wrap("read recovery", err)
}

// Recoveries implements store.Recoveries.
func (s *Store) Recoveries(ctx context.Context, tenant apier.TenantID, endpoint apier.EndpointID) ([]apier.Recovery, error) {
	found := []apier.Recovery{}
	err := s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
		row, err := findEndpoint(conn, t.id, endpoint)
		if err != nil {
			return err
		}
		rows, err := queryRecoveries(conn, "WHERE r.endpoint = ? ORDER BY r.number DESC LIMIT ?", row.number, recoveryPage)
		for _, r := range rows {
			found = append(found, r.recovery)
		}
		return err
	})
	return found, wrap("read recoveries", err)
}

// RunningRecoveries implements store.Recoveries.
func (s *Store) RunningRecoveries(ctx context.Context) ([]store.RecoveryRef, error) {
	var refs []store.RecoveryRef
	err := s.read(ctx, func(conn *sqlite.Conn) error {
		rows, err := queryRecoveries(conn, "WHERE r.status = 1")
		for _, r := range rows {
			refs = append(refs, store.RecoveryRef{Tenant: r.name, Recovery: r.recovery})
		}
		return err
	})
	return refs, wrap("read running recoveries", err)
}
