package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
)

// erasureRow is an erasure as stored.
type erasureRow struct {
	number, tenant  int64
	name            apier.TenantID
	position, until int64
	erasure         apier.Erasure
}

const erasureColumns = "SELECT e.number, e.tenant, t.name, e.uuid, e.selection, e.status, e.position, e.until, e.examined, e.erased, " +
	"e.created_at, e.updated_at FROM erasures e JOIN tenants t ON t.id = e.tenant "

func readErasures(conn *sqlite.Conn, where string, args ...any) (rows []*erasureRow, err error) {
	err = sqlitex.Execute(conn, erasureColumns+where, &sqlitex.ExecOptions{Args: args, ResultFunc: func(stmt *sqlite.Stmt) error {
		var id [16]byte
		stmt.ColumnBytes(3, id[:])
		r := &erasureRow{
			number: stmt.ColumnInt64(0), tenant: stmt.ColumnInt64(1), name: apier.TenantID(stmt.ColumnText(2)),
			position: stmt.ColumnInt64(6), until: stmt.ColumnInt64(7),
		}
		r.erasure = apier.Erasure{
			ID: apier.FormatErasureID(id), Status: apier.ErasureRunning, Examined: stmt.ColumnInt64(8), Erased: stmt.ColumnInt64(9),
			CreatedAt: apier.Timestamp(stmt.ColumnInt64(10)), UpdatedAt: apier.Timestamp(stmt.ColumnInt64(11)),
		}
		if stmt.ColumnInt64(5) == erasureDone {
			r.erasure.Status = apier.ErasureDone
		}
		rows = append(rows, r)
		return json.Unmarshal([]byte(stmt.ColumnText(4)), &r.erasure.Selection)
	}})
	return rows, err
}

const (
	erasureRunning = 1
	erasureDone    = 2
)

// CreateErasure implements store.Retention.
func (s *Store) CreateErasure(ctx context.Context, tenant apier.TenantID, selection apier.Selection) (apier.Erasure, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return apier.Erasure{}, fmt.Errorf("make an id: %w", err)
	}
	encoded, err := json.Marshal(selection)
	if err != nil {
		return apier.Erasure{}, fmt.Errorf("encode selection: %w", err)
	}
	var erasure apier.Erasure
	err = s.submit(ctx, tenant, 1, func(b *batch) error {
		number, err := b.ensureTenant(tenant)
		if err != nil {
			return err
		}
		if err := exec(b.conn, "INSERT INTO erasures (tenant, uuid, selection, status, until, created_at, updated_at) VALUES (?1, ?2, ?3, 1, ?4, ?5, ?5)",
			number, id[:], string(encoded), b.place, int64(b.now)); err != nil {
			return err
		}
		b.hurry = true
		rows, err := readErasures(b.conn, "WHERE e.uuid = ?", id[:])
		if err == nil {
			erasure = rows[0].erasure
		}
		return err
	})
	return erasure, wrap("create erasure", err)
}

// Erasure implements store.Retention.
func (s *Store) Erasure(ctx context.Context, tenant apier.TenantID, id apier.ErasureID) (apier.Erasure, error) {
	var erasure apier.Erasure
	raw, _ := apier.ParseErasureID(string(id)) // of anything else there is none
	err := s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
		rows, err := readErasures(conn, "WHERE e.uuid = ? AND e.tenant = ?", raw[:], t.id)
		if err == nil && len(rows) == 0 {
			err = apier.Errorf(apier.CodeNotFound, "There is no erasure %q.", id)
		}
		if err == nil {
			erasure = rows[0].erasure
		}
		return err
	})
	return erasure, wrap("read erasure", err)
}

// Erasures implements store.Retention.
func (s *Store) Erasures(ctx context.Context, tenant apier.TenantID) ([]apier.Erasure, error) {
	erasures := []apier.Erasure{}
	err := s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
		rows, err := readErasures(conn, "WHERE e.tenant = ? ORDER BY e.number DESC LIMIT 100", t.id)
		for _, r := range rows {
			erasures = append(erasures, r.erasure)
		}
		return err
	})
	return erasures, wrap("list erasures", err)
}

// erasable walks on along the events of a tenant, a slice at a time.
const erasable = "SELECT " + eventColumns + " FROM events e INDEXED BY events_by_tenant WHERE e.tenant = ? AND e.created_seq > ? AND e.created_seq <= ? ORDER BY e.created_seq LIMIT ?"

// eraseSlice works on the oldest erasure under way; more: it, or another, is not at its end.
func (b *batch) eraseSlice() (more bool, err error) {
	rows, err := readErasures(b.conn, "WHERE e.status = 1 ORDER BY e.number LIMIT 1")
	if err != nil || len(rows) == 0 {
		return false, err
	}
	r := rows[0]
	matches, faults := r.erasure.Selection.Matcher()
	if len(faults) > 0 { // stored by a version with other rules: better an end than a wrong beginning
		return true, exec(b.conn, "UPDATE erasures SET status = 2, updated_at = ? WHERE number = ?", int64(b.now), r.number)
	}
	found, _, err := sliceOfEvents(b.conn, sliceBytes, erasable, r.tenant, r.position, r.until, housekeepingSlice)
	if err != nil {
		return false, err
	}
	for i := range found {
		if i > 0 && b.sliceDone() {
			break
		}
		if !found[i].event.Erased && matches(&found[i].event) {
			_, err := b.erase(r.name, r.tenant, &found[i])
			if errors.Is(err, errMore) {
				break
			}
			if err != nil {
				return false, err
			}
			r.erasure.Erased++
		}
		r.position = int64(found[i].createdSeq)
		r.erasure.Examined++
	}
	status := erasureRunning
	if len(found) == 0 {
		status, b.purge = erasureDone, true
	}
	return true, exec(b.conn, "UPDATE erasures SET status = ?, position = ?, examined = ?, erased = ?, updated_at = ? WHERE number = ?",
		status, r.position, r.erasure.Examined, r.erasure.Erased, int64(b.now), r.number)
}

// sliceOfEvents reads events until their payloads are so many bytes together; cut: others follow.
func sliceOfEvents(conn *sqlite.Conn, most int, query string, args ...any) (found []row, cut bool, err error) {
	bytes := 0
	err = sqlitex.Execute(conn, query, &sqlitex.ExecOptions{Args: args, ResultFunc: func(stmt *sqlite.Stmt) error {
		if cut = bytes >= most; !cut {
			r := scanEvent(stmt)
			found = append(found, r)
			bytes += len(r.event.Payload)
		}
		return nil
	}})
	return found, cut, err
}

// CountErasable implements store.Retention. Each slice sees its own moment.
func (s *Store) CountErasable(ctx context.Context, tenant apier.TenantID, selection apier.Selection) (matched, examined int64, err error) {
	matches, faults := selection.Matcher()
	if len(faults) > 0 {
		return 0, 0, &apier.Error{Code: apier.CodeInvalid, Message: "The filter does not fit.", Fields: faults}
	}
	position, until := int64(0), int64(0)
	for more := true; more; {
		err := s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
			if until == 0 {
				head, err := readPosition(conn)
				if err != nil {
					return err
				}
				until = head.place
			}
			found, _, err := sliceOfEvents(conn, sliceBytes, erasable, t.id, position, until, housekeepingSlice)
			more = len(found) > 0
			for i := range found {
				position = int64(found[i].createdSeq)
				examined++
				if !found[i].event.Erased && matches(&found[i].event) {
					matched++
				}
			}
			return err
		})
		if err != nil {
			return 0, 0, wrap("count events to erase", err)
		}
	}
	return matched, examined, nil
}
