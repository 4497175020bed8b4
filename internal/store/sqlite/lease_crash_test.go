package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// consumePath names the database of a child that leases and acknowledges until it is killed.
const consumePath = "APIER_TEST_CONSUME_PATH"

// consumeUntilKilled is the child: it prints what it holds once it holds it, and what it acknowledged once that is
// done: every other event, so that there are leases when it dies.
func consumeUntilKilled(path string) int {
	ctx := context.Background()
	s, err := Open(ctx, path, store.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for holder := (store.Holder{Subject: "child"}); ; {
		leases, err := s.Lease(ctx, "acme", store.LeaseRequest{Holder: holder, Limit: 4, For: time.Hour})
		if err != nil || len(leases.Leased) == 0 {
			fmt.Fprintln(os.Stderr, "nothing left", err)
			return 1
		}
		for i, l := range leases.Leased {
			fmt.Printf("held %s.\n", l.Event.ID)
			if i%2 == 0 {
				continue
			}
			results, err := s.Acknowledge(ctx, "acme", holder, []store.LeaseRef{{Event: l.Event.ID, ID: l.Lease.ID}})
			if err != nil || results[0].Err != nil {
				fmt.Fprintln(os.Stderr, err, results)
				return 1
			}
			fmt.Printf("done %s.\n", l.Event.ID)
		}
	}
}

// After kill -9 what was acknowledged stays so, what was leased is still held, and when the leases end the rest comes
// out once: nothing is lost, nothing held by two.
func TestKill9KeepsLeases(t *testing.T) {
	t.Parallel()
	const n = 4000
	path := filepath.Join(t.TempDir(), "apier.db")
	s := open(t, path, store.Options{})
	for range n / 1000 {
		events := make([]apier.NewEvent, 1000)
		for i := range events {
			events[i] = apier.NewEvent{Type: "a.b", Source: "s", Payload: []byte(`{}`)}
		}
		if _, err := s.Append(t.Context(), "acme", events, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	held, done := killedConsumer(t, path)

	var ahead atomic.Int64
	s = open(t, path, store.Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	defer func() { _ = s.Close() }()
	for id := range done {
		if e, err := s.Event(t.Context(), "acme", id); err != nil || e.Status != apier.StatusDelivered {
			t.Errorf("%s was acknowledged: %+v, %v", id, e, err)
		}
	}
	seen := map[apier.EventID]bool{}
	drain := func() {
		for {
			leases, err := s.Lease(t.Context(), "acme", store.LeaseRequest{Holder: store.Holder{Subject: "heir"}, Limit: 1000, For: 24 * time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			if len(leases.Leased) == 0 {
				return
			}
			for _, l := range leases.Leased {
				if seen[l.Event.ID] || done[l.Event.ID] {
					t.Errorf("%s was handed out and should not be", l.Event.ID)
				}
				seen[l.Event.ID] = true
			}
		}
	}
	drain()
	for id := range held {
		if seen[id] && !done[id] {
			t.Errorf("%s was held by the child and by its heir", id)
		}
	}
	ahead.Store(int64(2 * time.Hour))
	drain()
	if summary, err := s.Summary(t.Context(), "acme"); err != nil || summary.Pending != int64(len(seen)) || summary.Pending+summary.Delivered != n {
		t.Errorf("%d events came out again, %+v, %v", len(seen), summary, err)
	}
}

func killedConsumer(t *testing.T, path string) (held, done map[apier.EventID]bool) {
	t.Helper()
	held, done = map[apier.EventID]bool{}, map[apier.EventID]bool{}
	child, lines := startChild(t, consumePath+"="+path)
	killed := false
	for lines.Scan() {
		what, id, _ := strings.Cut(lines.Text(), " ")
		if id, whole := strings.CutSuffix(id, "."); whole { // the last line may be torn
			map[string]map[apier.EventID]bool{"held": held, "done": done}[what][apier.EventID(id)] = true
		}
		if len(done) >= 200 && !killed {
			killed = true
			if err := child.Process.Kill(); err != nil { // SIGKILL; what the pipe holds is read still
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || !killed {
		t.Fatalf("the child ended by itself: %v", err)
	}
	return held, done
}
