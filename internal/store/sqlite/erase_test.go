package sqlite

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// What was erased stands nowhere in the files, while the store is open: not where the row was, not in pages
// that are free, not in the write-ahead log.
func TestErasedBytesAreGone(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"in a page": 10, "over many pages": 100_000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, dir := t.Context(), t.TempDir()
			s := open(t, filepath.Join(dir, "apier.db"), store.Options{})
			defer func() { _ = s.Close() }()
			const mark = "jane.doe@shop.example"
			payload := []byte(`{"customer":"` + mark + `","fill":"` + strings.Repeat(mark, size/len(mark)+1) + `"}`)
			endpoint, err := s.CreateEndpoint(ctx, "acme", apier.Endpoint{URL: "https://shop.example", OrderKey: "customer"}.WithDefaults(), []byte("s"))
			if err != nil {
				t.Fatal(err)
			}
			var events []apier.NewEvent
			for range 20 {
				events = append(events, apier.NewEvent{Type: "a.b", Source: "s", Payload: []byte(`{"fill":"` + strings.Repeat("x", size) + `"}`)})
			}
			events[7].Payload, events[11].Payload, events[13].Payload = payload, payload, payload
			receipts, err := s.Append(ctx, "acme", events, nil)
			if err != nil {
				t.Fatal(err)
			}
			claims, err := s.Claim(ctx, "acme", endpoint.ID, 20, time.Minute)
			if err != nil || len(claims.Claimed) == 0 {
				t.Fatal(claims, err)
			}
			for _, c := range claims.Claimed {
				attempt := apier.Attempt{Number: 1, ResponseBody: []byte("hello " + mark), ResponseHeaders: map[string]string{"x-you": mark}}
				if _, err := s.Finish(ctx, "acme", c, attempt, store.Verdict{Status: apier.DeliveryDelivered}); err != nil {
					t.Fatal(err)
				}
			}
			for _, i := range []int{7, 11, 13} {
				if _, err := s.RecordWebhook(ctx, "acme", apier.Webhook{Verified: true, MessageID: string(receipts.Events[i].ID), Body: payload, Size: len(payload)}); err != nil {
					t.Fatal(err)
				}
			}
			if !inFiles(t, dir, mark) {
				t.Fatal("it was never there")
			}
			if _, err := s.EraseEvent(ctx, "acme", receipts.Events[7].ID); err != nil {
				t.Fatal(err)
			}
			if err := s.Delete(ctx, "acme", receipts.Events[11].ID); err != nil {
				t.Fatal(err)
			}
			if _, err := s.CreateErasure(ctx, "acme", apier.Selection{Filter: []byte(`{"payload.customer":{"prefix":"jane"}}`)}); err != nil {
				t.Fatal(err)
			}
			if err := s.Housekeep(ctx); err != nil {
				t.Fatal(err)
			}
			for _, c := range claims.Claimed { // attempts of the others say the same in this test
				if err := s.Delete(ctx, "acme", c.Event.ID); err != nil {
					t.Fatal(err)
				}
			}
			for purged := false; !purged; { // the writer does it by itself within seconds; this does not wait
				if err := s.submit(ctx, "", 0, func(b *batch) error { b.purge, purged = true, !b.writer.purgeDue; return nil }); err != nil {
					t.Fatal(err)
				}
			}
			if inFiles(t, dir, mark) {
				t.Error("it still stands in the files")
			}
		})
	}
}

// A server that is killed while a reader keeps what was erased in the write-ahead log takes it out of there when it
// starts again.
func TestErasedBytesAreGoneAfterAKill(t *testing.T) {
	t.Parallel()
	const mark = "jane.doe@shop.example"
	dir, killed := t.TempDir(), t.TempDir()
	s := open(t, filepath.Join(dir, "apier.db"), store.Options{})
	defer func() { _ = s.Close() }()
	receipts, err := s.Append(t.Context(), "acme", []apier.NewEvent{{Type: "a.b", Source: "s", Payload: []byte(`{"customer":"` + mark + `"}`)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.read(t.Context(), func(conn *sqlite.Conn) error {
		if _, err := readPosition(conn); err != nil { // from now on it stands at this moment
			return err
		}
		if _, err := s.EraseEvent(t.Context(), "acme", receipts.Events[0].ID); err != nil {
			return err
		}
		return os.CopyFS(killed, os.DirFS(dir)) // what a kill leaves
	}); err != nil {
		t.Fatal(err)
	}
	if !inFiles(t, killed, mark) {
		t.Fatal("the log does not hold it")
	}
	again := open(t, filepath.Join(killed, "apier.db"), store.Options{})
	defer func() { _ = again.Close() }()
	for due := true; due; {
		if err := again.submit(t.Context(), "", 0, func(b *batch) error { b.hurry, due = true, b.writer.purgeDue; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if inFiles(t, killed, mark) {
		t.Error("it still stands in the files")
	}
}

func inFiles(t *testing.T, dir, text string) bool {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(raw, []byte(text)) {
			return true
		}
	}
	return false
}

// The writer does it by itself, at once: nobody calls Housekeep here.
func TestAnErasureBeginsByItself(t *testing.T) {
	t.Parallel()
	erased := make(chan apier.EventID, 10)
	s := open(t, filepath.Join(t.TempDir(), "apier.db"), store.Options{Announce: func(commits []apier.Commit) {
		for _, c := range changesOf(commits) {
			if c.Event.Erased {
				erased <- c.Event.ID
			}
		}
	}})
	defer func() { _ = s.Close() }()
	receipts, err := s.Append(t.Context(), "acme", []apier.NewEvent{{Type: "a.b", Source: "s", Payload: []byte(`{"a":1}`)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateErasure(t.Context(), "acme", apier.Selection{Types: []string{"*"}}); err != nil {
		t.Fatal(err)
	}
	if id := <-erased; id != receipts.Events[0].ID {
		t.Errorf("erased %s", id)
	}
}

// Under load the writer keeps within the budget by itself: final events make room while new ones come.
func TestTheBudgetHoldsUnderLoad(t *testing.T) {
	t.Parallel()
	const budget = 4 << 20
	s := open(t, filepath.Join(t.TempDir(), "apier.db"), store.Options{DiskBudget: budget})
	defer func() { _ = s.Close() }()
	events := make([]apier.NewEvent, 20)
	for i := range events {
		events[i] = apier.NewEvent{Type: "a.b", Source: "s", Payload: []byte(`{"fill":"` + strings.Repeat("x", 10_000) + `"}`)}
	}
	most := int64(0)
	for trimmed := int64(0); trimmed < 1000; {
		receipts, err := s.Append(t.Context(), "acme", events, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range receipts.Events {
			if _, err := s.Settle(t.Context(), "acme", r.ID, store.Outcome{Status: apier.StatusDelivered}); err != nil {
				t.Fatal(err)
			}
		}
		space, err := s.Space(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		trimmed, most = space.Trimmed, max(most, space.Used)
	}
	if most > 3*budget {
		t.Errorf("it came to %d bytes", most)
	}
	t.Logf("at most %d bytes of %d", most, budget)
}
