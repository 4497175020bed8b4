package sqlite

import (
	"path/filepath"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
	"github.com/apier/apier/internal/store/storetest"
)

// oldSeqs is what the old program had told each tenant, as its database says.
type oldSeqs struct {
	epoch   string
	head    apier.Seq
	runs    []string
	reached map[string]apier.Seq
	latest  map[apier.TenantID]map[apier.EventID]apier.Seq
	born    map[apier.TenantID]map[apier.EventID]apier.Seq
}

func readOldSeqs(t *testing.T, path string) oldSeqs {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	o := oldSeqs{reached: map[string]apier.Seq{}, latest: map[apier.TenantID]map[apier.EventID]apier.Seq{}, born: map[apier.TenantID]map[apier.EventID]apier.Seq{}}
	each := func(query string, row func(*sqlite.Stmt)) {
		if err := sqlitex.Execute(conn, query, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error { row(stmt); return nil }}); err != nil {
			t.Fatal(err)
		}
	}
	each("SELECT epoch, seq FROM meta", func(stmt *sqlite.Stmt) { o.epoch, o.head = stmt.ColumnText(0), apier.Seq(stmt.ColumnInt64(1)) })
	each("SELECT id, seq FROM runs ORDER BY number", func(stmt *sqlite.Stmt) {
		if n := len(o.runs); n > 0 {
			o.reached[o.runs[n-1]] = apier.Seq(stmt.ColumnInt64(1))
		}
		o.runs = append(o.runs, stmt.ColumnText(0))
		o.reached[stmt.ColumnText(0)] = o.head
	})
	each("SELECT t.name, e.uuid, e.created_seq, e.seq FROM events e JOIN tenants t ON t.id = e.tenant", func(stmt *sqlite.Stmt) {
		tenant, id := apier.TenantID(stmt.ColumnText(0)), columnEventID(stmt, 1)
		if o.latest[tenant] == nil {
			o.latest[tenant], o.born[tenant] = map[apier.EventID]apier.Seq{}, map[apier.EventID]apier.Seq{}
		}
		o.born[tenant][id], o.latest[tenant][id] = apier.Seq(stmt.ColumnInt64(2)), apier.Seq(stmt.ColumnInt64(3))
	})
	return o
}

// What was told before seqs were a tenant's own keeps its seq, and sessions and cursors of before go on: each tenant's
// counter begins at the head of all.
func TestOldSeqsGoOn(t *testing.T) {
	t.Parallel()
	old := storetest.OldData(t)
	path := filepath.Join(old.Dir, "apier.db")
	before := readOldSeqs(t, path)
	s := open(t, path, store.Options{Now: old.Now()})
	defer func() { _ = s.Close() }()
	run, err := s.BeginRun(t.Context())
	if epoch, err2 := s.Epoch(t.Context()); err != nil || err2 != nil || epoch != before.epoch {
		t.Fatalf("epoch %q, want %q (%v, %v)", epoch, before.epoch, err, err2)
	}
	tenants := []apier.TenantID{"default", "acme"}
	for _, tenant := range tenants {
		if head, err := s.Head(t.Context(), tenant); err != nil || head != before.head {
			t.Errorf("%s: the head is %d, want %d (%v)", tenant, head, before.head, err)
		}
		checkOldEvents(t, s, tenant, before)
		checkOldRuns(t, s, tenant, run, before)
	}
	for i, tenant := range []apier.TenantID{"acme", "default", "acme", "new"} {
		want := []apier.Seq{before.head + 1, before.head + 1, before.head + 2, 1}[i]
		if r, err := s.Append(t.Context(), tenant, oneEvent(), nil); err != nil || r.Events[0].Seq < want || r.Events[0].Seq > want+10 { // deliveries between
			t.Errorf("%s: the next event has %+v, want %d (%v)", tenant, r.Events, want, err)
		}
	}
	for _, tenant := range tenants { // from the old places over the border
		checkFromOldPlaces(t, s, tenant, before)
	}
	for _, r := range before.runs { // with what came after, no old run has come further
		if held, err := s.Holds(t.Context(), "acme", r, before.head+1); err != nil || held {
			t.Errorf("run %s holds %d (%v)", r, before.head+1, err)
		}
	}
}

func checkOldEvents(t *testing.T, s *Store, tenant apier.TenantID, before oldSeqs) {
	t.Helper()
	if len(before.latest[tenant]) == 0 {
		t.Fatalf("%s had no events", tenant)
	}
	for id, seq := range before.latest[tenant] {
		if e, err := s.Event(t.Context(), tenant, id); err != nil || e.Seq != seq {
			t.Errorf("%s %s has seq %d, want %d (%v)", tenant, id, e.Seq, seq, err)
		}
	}
}

func checkOldRuns(t *testing.T, s *Store, tenant apier.TenantID, run string, before oldSeqs) {
	t.Helper()
	if len(before.runs) != 4 {
		t.Fatalf("%d runs, want 4", len(before.runs))
	}
	for _, r := range append(before.runs, run) {
		reached, old := before.reached[r]
		if !old {
			reached = before.head
		}
		for seq, want := range map[apier.Seq]bool{0: true, reached: true, reached + 1: false} {
			if held, err := s.Holds(t.Context(), tenant, r, seq); err != nil || held != want {
				t.Errorf("%s: run %s holds %d: %v, want %v (%v)", tenant, r, seq, held, want, err)
			}
		}
	}
}

// checkFromOldPlaces reads what a session and a cursor of before would be given.
func checkFromOldPlaces(t *testing.T, s *Store, tenant apier.TenantID, before oldSeqs) {
	t.Helper()
	for after := range before.head + 1 {
		page, err := s.Changes(t.Context(), tenant, after, 1000, true)
		if err != nil || page.Lost || page.More || len(page.Changes) == 0 {
			t.Fatalf("%s after %d: %+v, %v", tenant, after, page, err)
		}
		seen, last := map[apier.EventID]bool{}, after
		for _, c := range page.Changes {
			if c.Seq <= last {
				t.Fatalf("%s after %d: %d follows %d", tenant, after, c.Seq, last)
			}
			last = c.Seq
			seen[c.Event.ID] = true
			if c.Kind == apier.Created && before.born[tenant][c.Event.ID] != 0 && c.Seq != before.born[tenant][c.Event.ID] {
				t.Errorf("%s %s was created at %d, is told at %d", tenant, c.Event.ID, before.born[tenant][c.Event.ID], c.Seq)
			}
		}
		followed, err := s.Follow(t.Context(), tenant, after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for id, born := range before.born[tenant] {
			if born > after {
				want++
			}
			if before.latest[tenant][id] > after && !seen[id] {
				t.Errorf("%s after %d is not told of %s", tenant, after, id)
			}
		}
		if last := len(followed.Events) - want; last < 1 || followed.Next <= before.head {
			t.Errorf("%s after %d follows %d events up to %d, want %d and those of today", tenant, after, len(followed.Events), followed.Next, want)
		}
	}
}
