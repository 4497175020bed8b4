package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// inWriter runs fn with the writer's connection.
func inWriter(t *testing.T, s *Store, fn func(*sqlite.Conn) error) {
	t.Helper()
	if err := s.submit(t.Context(), "", 0, func(b *batch) error { return fn(b.conn) }); err != nil {
		t.Fatal(err)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	inWriter(t, s, func(conn *sqlite.Conn) error {
		for pragma, want := range map[string]string{
			"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1", "wal_autocheckpoint": "4000", "user_version": "13",
		} {
			got, err := sqlitex.ResultText(conn.Prep("PRAGMA " + pragma))
			if err != nil || got != want {
				t.Errorf("PRAGMA %s is %s (%v), want %s", pragma, got, err, want)
			}
		}
		return nil
	})
}

func TestFileIsPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "apier.db")
	s := open(t, path, store.Options{})
	defer func() { _ = s.Close() }()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s%s: mode %v, %v", path, suffix, info.Mode(), err)
		}
	}
}

func TestNewerVersionIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "apier.db")
	if err := open(t, path, store.Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	if err := sqlitex.ExecuteTransient(conn, "PRAGMA user_version = 99", nil); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), path, store.Options{})
	if err == nil || !strings.Contains(err.Error(), "newer version of apier") {
		t.Errorf("Open: %v", err)
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("this is no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{garbage, filepath.Join(dir, "missing", "apier.db"), dir} {
		if s, err := Open(t.Context(), path, store.Options{}); err == nil {
			_ = s.Close()
			t.Errorf("Open(%s) succeeded", path)
		}
	}
	if _, err := Open(t.Context(), garbage, store.Options{}); !strings.Contains(err.Error(), "start it on a backup") {
		t.Errorf("what is no database: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, filepath.Join(dir, "x.db"), store.Options{}); err == nil {
		t.Error("Open with an ended context succeeded")
	}
}

// Every list goes along an index in the order of the list: its work grows with the page.
func TestListPlans(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	events := []apier.NewEvent{}
	for i := range 100 {
		events = append(events, apier.NewEvent{Type: fmt.Sprintf("kind%d.made", i%40), Source: "shop", Payload: []byte(`{}`)})
	}
	receipts, err := s.Append(t.Context(), "acme", events, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range []apier.Status{"", apier.StatusPending, apier.StatusDelivered} {
		for _, types := range [][]string{nil, {"kind1.made"}, {"kind1*"}, {"kind*"}, {"kind1.made", "kind2.made", "kind3.made"}} {
			for _, source := range []string{"", "shop"} {
				for _, search := range []string{"", "x", string(receipts.Events[3].ID)} {
					for bits := range 8 {
						filter := store.Filter{Status: status, Types: types, Source: source, Search: search, OldestFirst: bits&1 != 0}
						if bits&2 != 0 {
							filter.StartingAfter = receipts.Events[50].ID
						}
						if bits&4 != 0 {
							filter.CreatedAfter, filter.CreatedBefore = 1, receipts.Events[0].CreatedAt+1
						}
						checkListPlan(t, s, filter)
					}
				}
			}
		}
	}
}

func checkListPlan(t *testing.T, s *Store, filter store.Filter) {
	t.Helper()
	err := s.read(t.Context(), func(conn *sqlite.Conn) error {
		tenant, err := readTenant(conn, "acme")
		if err != nil {
			return err
		}
		q := newListQuery(tenant, filter)
		if possible, err := q.resolve(conn); err != nil || !possible {
			return fmt.Errorf("nothing can match (%w)", err)
		}
		q.args[":limit"] = 10
		checkPlan(t, conn, q.sql(), &sqlitex.ExecOptions{Named: q.args})
		return nil
	})
	if err != nil {
		t.Errorf("%+v: %v", filter, err)
	}
}

func checkPlan(t *testing.T, conn *sqlite.Conn, query string, options *sqlitex.ExecOptions) {
	t.Helper()
	var plan []string
	options.ResultFunc = func(stmt *sqlite.Stmt) error {
		plan = append(plan, stmt.ColumnText(3))
		return nil
	}
	if err := sqlitex.Execute(conn, "EXPLAIN QUERY PLAN "+query, options); err != nil {
		t.Errorf("%s: %v", query, err)
	}
	all := strings.ReplaceAll(strings.Join(plan, "\n"), "SCAN CONSTANT ROW", "") // of LIMIT (SELECT ?)
	if strings.Contains(all, "SCAN") || strings.Contains(all, "TEMP B-TREE") || !strings.Contains(all, "SEARCH") {
		t.Errorf("%s\nis done so:\n%s", query, all)
	}
}

func TestOtherPlans(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	err := s.read(t.Context(), func(conn *sqlite.Conn) error {
		for _, query := range []string{
			webhookSeen, latestWebhook, oldestWebhooks, webhooksAfter, dueLeases, firstDue, oneLease, freshInbox, freshGroup,
			createdAfter, updatedAfter, deletedAfter, erasable, oldestEvents, oldBodies, oldestOfTenant, eventOfTenantFrom, "SELECT d.number FROM deliveries d " + oldestDeliveries, "SELECT d.number FROM deliveries d " + deliveriesUpTo, latenciesSince, minutesSince,
			selectKeys + "WHERE k.hash = ? AND k.revoked_at = 0", selectKeys + "WHERE t.name = ? ORDER BY k.number",
		} {
			checkPlan(t, conn, query, &sqlitex.ExecOptions{Args: args(query)})
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func args(query string) []any {
	values := make([]any, strings.Count(query, "?"))
	for i := range values {
		values[i] = 1
	}
	return values
}

// Every list of the receiver's log goes along an index in its order.
func TestWebhookPlans(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	w, err := s.RecordWebhook(t.Context(), "acme", apier.Webhook{MessageID: "m"})
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	for bits := range 32 {
		var filter store.WebhookFilter
		if bits&1 != 0 {
			filter.Verified = &yes
		}
		if bits&2 != 0 {
			filter.Endpoint = "ep_1"
		}
		if bits&4 != 0 {
			filter.Message = "m"
		}
		if bits&8 != 0 {
			filter.Since = 1
		}
		if bits&16 != 0 {
			filter.StartingAfter = w.ID
		}
		if err := s.read(t.Context(), func(conn *sqlite.Conn) error {
			query, args, err := webhookQuery(conn, 1, filter)
			if err != nil {
				return err
			}
			args[":limit"] = 10
			checkPlan(t, conn, query, &sqlitex.ExecOptions{Named: args})
			return nil
		}); err != nil {
			t.Errorf("%+v: %v", filter, err)
		}
	}
}
