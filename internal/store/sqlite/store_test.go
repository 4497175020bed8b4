package sqlite

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func oneEvent() []apier.NewEvent {
	return []apier.NewEvent{{Type: "order.created", Source: "shop", Payload: []byte(`{"n":1}`)}}
}

// Two processes share a file: the server, and the CLI that makes keys.
func TestTwoOpens(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "apier.db")
	server, cli := open(t, path, store.Options{}), open(t, path, store.Options{})
	defer func() { _, _ = server.Close(), cli.Close() }()
	last := apier.Seq(0)
	for i := range 20 {
		hash := [32]byte{byte(i + 1)}
		if _, err := cli.CreateKey(t.Context(), "acme", store.NewKey{ID: strings.Repeat("k", i+1), Hash: hash}); err != nil {
			t.Fatalf("CreateKey: %v", err)
		}
		if _, err := server.KeyByHash(t.Context(), hash); err != nil {
			t.Fatalf("KeyByHash: %v", err)
		}
		for _, s := range []*Store{server, cli} {
			r, err := s.Append(t.Context(), "acme", oneEvent(), nil)
			if err != nil || r.Events[0].Seq != last+1 {
				t.Fatalf("Append: %+v, %v", r, err)
			}
			last = r.Events[0].Seq
		}
	}
	if err := cli.RevokeKey(t.Context(), "acme", "k"); err != nil {
		t.Fatal(err)
	}
	if _, err := server.KeyByHash(t.Context(), [32]byte{1}); apier.AsError(err).Code != apier.CodeNotFound {
		t.Errorf("the revoked key: %v", err)
	}
}

// One operation that fails halfway fails alone; the others of its transaction are stored.
func TestBadOperationFailsAlone(t *testing.T) {
	t.Parallel()
	began, release := make(chan struct{}), make(chan struct{})
	begin := sync.OnceFunc(func() { close(began) }) // it is applied once more, alone
	var announced []apier.Seq
	path := filepath.Join(t.TempDir(), "apier.db")
	s := open(t, path, store.Options{Announce: func(commits []apier.Commit) {
		for _, c := range changesOf(commits) {
			announced = append(announced, c.Seq)
		}
	}})
	results := make(chan error, 4)
	go func() { // holds the writer until the others are queued
		results <- s.submit(t.Context(), "", 0, func(*batch) error { begin(); <-release; return nil })
	}()
	<-began
	queued := 0
	for _, apply := range []func(*batch) error{
		appendOne, func(b *batch) error {
			return errors.Join(appendOne(b), exec(b.conn, "INSERT INTO meta (id, epoch) VALUES (2, '')"))
		}, appendOne,
	} {
		o := &op{apply: apply, done: results}
		if err := s.queue.push(o); err != nil {
			t.Fatal(err)
		}
		queued++
	}
	close(release)
	failed := 0
	for range queued + 1 {
		if err := <-results; err != nil {
			failed++
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if failed != 1 || len(announced) != 2 || announced[0] != 1 || announced[1] != 2 {
		t.Errorf("%d operations failed; announced %v", failed, announced)
	}
}

func appendOne(b *batch) error {
	a := &appendOp{tenant: "acme"}
	if err := a.prepare(oneEvent()); err != nil {
		return err
	}
	return a.apply(b)
}

// A disk that is full, played by a bound on the file's size.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	big := oneEvent()
	big[0].Payload = []byte(`{"x":"` + strings.Repeat("x", 200_000) + `"}`)
	inWriter(t, s, func(conn *sqlite.Conn) error {
		pages, err := sqlitex.ResultInt(conn.Prep("PRAGMA page_count"))
		if err != nil {
			return err
		}
		_, err = sqlitex.ResultInt(conn.Prep("PRAGMA max_page_count = " + string(rune('0'+pages/10%10)) + string(rune('0'+pages%10))))
		return err
	})
	_, err := s.Append(t.Context(), "acme", big, nil)
	if apier.AsError(err).Code != apier.CodeUnavailable || sqlite.ErrCode(err).ToPrimary() != sqlite.ResultFull {
		t.Fatalf("Append on a full disk: %v", err)
	}
	if head, err := s.Head(t.Context(), "acme"); err != nil || head != 0 {
		t.Errorf("head %d, %v", head, err)
	}
	inWriter(t, s, func(conn *sqlite.Conn) error {
		_, err := sqlitex.ResultInt(conn.Prep("PRAGMA max_page_count = 1000000"))
		return err
	})
	if r, err := s.Append(t.Context(), "acme", big, nil); err != nil || r.Events[0].Seq != 1 {
		t.Errorf("Append with room again: %+v, %v", r, err)
	}
}

// SQLite goes on with files that are no longer at their path; nobody would find what is answered 201 then.
func TestFilesThatAreTakenAway(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"", "apier.db", "apier.db-wal"} { // the directory, or one of them
		t.Run("data/"+file, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "data")
			if err := os.Mkdir(data, 0o700); err != nil {
				t.Fatal(err)
			}
			s := open(t, filepath.Join(data, "apier.db"), store.Options{})
			defer func() { _ = s.Close() }()
			there, away := filepath.Join(data, file), data+".away"
			if err := os.Rename(there, away); err != nil {
				t.Fatal(err)
			}
			_, err := s.Append(t.Context(), "acme", oneEvent(), nil)
			if apier.AsError(err).Code != apier.CodeUnavailable || !strings.Contains(err.Error(), "was removed or replaced") {
				t.Errorf("Append: %v", err)
			}
			if _, err := s.List(t.Context(), "acme", store.Filter{}); apier.AsError(err).Code != apier.CodeUnavailable {
				t.Errorf("List: %v", err)
			}
			if err := errors.Join(os.RemoveAll(there), os.Rename(away, there)); err != nil {
				t.Fatal(err)
			}
			if r, err := s.Append(t.Context(), "acme", oneEvent(), nil); err != nil || r.Events[0].Seq != 1 {
				t.Errorf("Append with the files back: %+v, %v", r, err)
			}
		})
	}
}

func TestHousekeepingInSlices(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	inWriter(t, s, func(conn *sqlite.Conn) error {
		return exec(conn, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
			INSERT INTO minutes (tenant, minute, created, delivered, failed) SELECT 1, i, 1, 1, 1 FROM n`)
	})
	left, slices := 2500, 0
	for more := true; more; { // a slice may end by the clock, before it comes to these rows
		before := left
		if err := s.submit(t.Context(), "", 0, func(b *batch) (err error) { more, err = b.housekeep(); return err }); err != nil {
			t.Fatal(err)
		}
		inWriter(t, s, func(conn *sqlite.Conn) (err error) {
			left, err = sqlitex.ResultInt(conn.Prep("SELECT count(*) FROM minutes"))
			return err
		})
		if before-left > housekeepingSlice {
			t.Errorf("a slice took %d rows", before-left)
		}
		if before > left {
			slices++
		}
	}
	if left != 0 || slices != 3 {
		t.Errorf("%d rows are left after %d slices, want none after 3", left, slices)
	}
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		ms := rapid.Int64Range(0, 1<<36).Draw(r, "milliseconds")
		bucket := bucketOf(ms)
		value, upper := math.Max(float64(ms), 1), upperBound(bucket)
		if upper < value || upper > value*math.Exp2(1.0/bucketsPerDoubling)*(1+1e-9) {
			r.Fatalf("%d ms are in bucket %d, up to %v", ms, bucket, upper)
		}
	})
	for ms := int64(1); ms < 100_000; ms++ {
		if bucket := bucketOf(ms); upperBound(bucket) < float64(ms) || bucket > 0 && upperBound(bucket-1) >= float64(ms) && ms > 1 {
			t.Fatalf("%d ms are in bucket %d", ms, bucket)
		}
	}
	if bucketOf(-5) != 0 || bucketOf(math.MaxInt64) != lastBucket {
		t.Error("the ends are not held")
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{{"abc", 5, "abc"}, {"abc", 2, "ab"}, {"aü", 2, "a"}, {"aü", 3, "aü"}, {"😀", 3, ""}, {"", 0, ""}} {
		if got := cut(c.in, c.n); got != c.want {
			t.Errorf("cut(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

func TestSearchTooLong(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	_, err := s.List(t.Context(), "acme", store.Filter{Search: strings.Repeat("x", maxSearch+1), Limit: 1})
	if apier.AsError(err).Code != apier.CodeInvalid {
		t.Errorf("List: %v", err)
	}
}

func TestALeaseReadsNoMoreThanItHandsOut(t *testing.T) { //nolint:paralleltest // it counts what is allocated
	s := openTemp(t)
	large := apier.NewEvent{Type: "order.created", Source: "shop", Payload: fmt.Appendf(nil, `{"n":"%0262100d"}`, 1)}
	for range 4 { // 50 MiB together
		if _, err := s.Append(t.Context(), "acme", slices.Repeat([]apier.NewEvent{large}, 50), nil); err != nil {
			t.Fatal(err)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	leases, err := s.Lease(t.Context(), "acme", store.LeaseRequest{Holder: store.Holder{Subject: "a"}, Limit: 1000, For: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; len(leases.Leased) != 32+1 || mib > 20 {
		t.Errorf("%d events are handed out, with %d MiB for it", len(leases.Leased), mib)
	}
}

// A group whose filter a later version cannot read hands out nothing, says so, and can be put right.
func TestAGroupWithAnUnreadableFilter(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	ctx := t.Context()
	for _, name := range []string{"a", "b"} {
		if _, err := s.PutGroup(ctx, "acme", store.NewGroup{Name: name, FromStart: true}); err != nil {
			t.Fatal(err)
		}
	}
	made, err := s.Append(ctx, "acme", oneEvent(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, filter := range []string{`{"nowhere":1}`, `{`} {
		inWriter(t, s, func(conn *sqlite.Conn) error {
			return exec(conn, "UPDATE inbox_groups SET filter = ? WHERE name = 'b'", filter)
		})
		ask := store.LeaseRequest{Holder: store.Holder{Group: "b"}, Limit: 1, For: time.Minute}
		if _, err := s.Lease(ctx, "acme", ask); apier.AsError(err).Code != apier.CodeConflict || !strings.Contains(err.Error(), "PUT /api/inbox/groups/b") {
			t.Errorf("%s: leased with %v", filter, err)
		}
		if groups, err := s.Groups(ctx, "acme"); err != nil || len(groups) != 2 {
			t.Errorf("%s: groups %+v, %v", filter, groups, err)
		}
	}
	ask := store.LeaseRequest{Holder: store.Holder{Group: "a", Subject: "x"}, Limit: 1, For: time.Minute}
	if _, err := s.Lease(ctx, "acme", ask); err != nil {
		t.Fatal(err)
	}
	acked, err := s.Acknowledge(ctx, "acme", ask.Holder, []store.LeaseRef{{Event: made.Events[0].ID}})
	if err != nil || acked[0].Err != nil || acked[0].Event.Status != apier.StatusPending { // b may want it
		t.Errorf("acknowledged by another group: %+v, %v", acked, err)
	}
	if _, err := s.PutGroup(ctx, "acme", store.NewGroup{Name: "b", Filter: []byte(`{"payload.n":1}`)}); err != nil {
		t.Fatal(err)
	}
	ask.Group = "b"
	if leases, err := s.Lease(ctx, "acme", ask); err != nil || len(leases.Leased) != 1 {
		t.Errorf("put right: %+v, %v", leases, err)
	}
}
