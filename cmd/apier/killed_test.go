package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestAnOutsiderFindsWhatWasConfirmed kills the server with -9 under everything at once: publishers with
// Idempotency-Keys, alone and in batches, acknowledgements, deletions, erasures, leases of a group, webhooks and a
// resumed socket. What was confirmed is there, once; a lease has one holder; the receiver has every event; the follower
// ends with the store's state.
func TestAnOutsiderFindsWhatWasConfirmed(t *testing.T) {
	t.Parallel()
	random := seeded(t)
	o := newOutsider(t)
	receiver := httptest.NewServer(o)
	t.Cleanup(receiver.Close)
	data := t.TempDir()
	args := []string{"--api-key", testKey, "--allow-private-endpoints", "--messages-per-second", "0", "--retention-events", "1h"}
	s := start(t, data, args...)
	stdout, stderr, code := output(t, nil, "keys", "create", "--data", data, "--name", "another worker")
	if code != 0 {
		t.Fatal(stderr)
	}
	other, _, _ := strings.Cut(stdout, "\n")
	s.must(testKey, "POST", "/api/endpoints", fmt.Sprintf(`{"url":%q,"types":["hook.*"],"max_in_flight":20,"timeout_ms":1000,
		"retry_schedule_ms":[0,50,50,100,100,200,200,400,400,800,800,1000,1000,1000,1000,1000,1000,1000,1000,1000]}`, receiver.URL), nil)
	s.must(testKey, "PUT", "/api/inbox/groups/g", `{"types":["group.*"],"from":"start"}`, nil)

	follower, greeted, last := newView(s.token(testKey)), make(chan struct{}), atomic.Int64{}
	o.server = s
	var following, working sync.WaitGroup
	following.Go(func() { o.follow(follower, greeted, last.Load) })
	select {
	case <-greeted:
	case <-time.After(patience):
		t.Fatalf("the follower was not greeted:\n%s", s.log)
	}
	for i := range 3 {
		own := rand.New(rand.NewPCG(random.Uint64(), 0))
		working.Go(func() { o.publish(fmt.Sprint("p", i), own) })
	}
	for _, key := range []string{testKey, other} {
		working.Go(func() { o.consume(key) })
	}
	for range 3 * soaking(t) {
		o.run(s, 100+random.IntN(150))
		s.kill()
		s = start(t, data, args...)
		o.check(s)
	}
	o.run(s, 50)
	close(o.stop)
	working.Wait()
	o.finish(s, follower, &following, &last)
}

// finish waits for what is under way, and holds the receiver and the follower against the store.
func (o *outsider) finish(s *process, follower *view, following *sync.WaitGroup, last *atomic.Int64) {
	o.t.Helper()
	for deadline := time.After(2 * patience); o.lacks() > 0; {
		select {
		case <-o.came:
		case <-deadline:
			o.t.Fatalf("%d events have not come to the receiver; the log says:\n%s", o.lacks(), s.log)
		}
	}
	for deadline := time.Now().Add(2 * patience); ; { // until the deliveries are written down
		var page struct{ Events []struct{ ID string } }
		s.must(testKey, "GET", "/api/events?status=pending&type=hook.*&limit=1", "", &page)
		if len(page.Events) == 0 || time.Now().After(deadline) {
			break
		}
	}
	o.check(s)
	var final struct{ Seq int64 }
	s.must(testKey, "POST", "/api/events", eventBody(0), &final)
	last.Store(final.Seq)
	s.must(testKey, "POST", "/api/events", eventBody(1), &final) // wakes the follower, if it has the one before
	following.Wait()
	status, seqs := stored(o.t, s, testKey)
	for id, seq := range seqs {
		if seq > follower.seq {
			delete(status, id)
			delete(seqs, id)
		}
	}
	if !maps.Equal(status, follower.status) || !maps.Equal(seqs, follower.seqs) {
		o.t.Errorf("the follower has %d events, the store %d, and they differ", len(follower.status), len(status))
	}
	o.t.Logf("%d events confirmed, %d acknowledged in the group, %d webhooks", len(o.status), len(o.done), len(o.hooks))
}
