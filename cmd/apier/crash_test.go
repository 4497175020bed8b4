package main

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
)

// TestNothingAcknowledgedIsLost kills the server with -9 in the middle of a load, again and again. Every
// event that was answered 201 is there afterwards, and a client that resumed ends with the store's state.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	args := []string{"--api-key", testKey, "--messages-per-second", "0"}
	s := start(t, data, args...)
	token := s.token(testKey)
	watcher := newView(token)
	acknowledged := map[string]string{} // id → what it was last acknowledged as
	const rounds = 3
	for round := range rounds {
		for id, status := range load(t, s, watcher, token, 400) {
			acknowledged[id] = status
		}
		s = start(t, data, args...)
		have, _ := stored(t, s, token)
		for id, status := range acknowledged {
			switch {
			case status == "deleted" && have[id] != "":
				t.Errorf("round %d: %s was deleted and is there", round, id)
			case status == "delivered" && have[id] == "pending":
				t.Errorf("round %d: the acknowledgement of %s is lost", round, id)
			case status == "pending" && have[id] == "":
				t.Errorf("round %d: %s was answered 201 and is lost", round, id)
			}
		}
	}
	var last struct{ Seq int64 }
	s.must(token, "POST", "/api/events", eventBody(0), &last)
	resumed, err := watcher.follow(t, s, func() bool { return watcher.seq >= last.Seq })
	if err != nil || !resumed {
		t.Fatalf("resumed %v, error %v", resumed, err)
	}
	status, seqs := stored(t, s, token)
	if !maps.Equal(status, watcher.status) || !maps.Equal(seqs, watcher.seqs) {
		t.Errorf("the client has %d events, the store %d, and they differ", len(watcher.status), len(status))
	}
}

// load creates, acknowledges and deletes events from several senders while the watcher follows, and kills
// the server once enough is acknowledged. It gives what each acknowledged event stands at.
func load(t *testing.T, s *process, watcher *view, token string, enough int64) map[string]string {
	t.Helper()
	acknowledged := map[string]string{}
	var mu sync.Mutex
	var count atomic.Int64
	var senders, watching sync.WaitGroup
	killed, greeted := make(chan struct{}), make(chan struct{})
	watching.Go(func() {
		var once sync.Once
		_, _ = watcher.follow(t, s, func() bool { // until the kill
			if watcher.session != "" {
				once.Do(func() { close(greeted) })
			}
			return false
		})
	})
	<-greeted // a fresh connection shows what comes from now on
	for sender := range 8 {
		senders.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-killed:
					return
				default:
				}
				id, status := oneEvent(s, token, sender*100_000+i)
				if id != "" {
					mu.Lock()
					acknowledged[id] = status
					mu.Unlock()
				}
				if count.Add(1) == enough {
					s.kill()
					close(killed)
				}
			}
		})
	}
	senders.Wait()
	watching.Wait()
	return acknowledged
}

// oneEvent creates an event and perhaps acknowledges or deletes it. It gives the last state that the
// server confirmed; what was asked for and not confirmed may be either way and counts as unknown.
func oneEvent(s *process, token string, i int) (id, status string) {
	var created struct{ ID string }
	if code, err := s.call(token, "POST", "/api/events", eventBody(i), &created); err != nil || code != 201 {
		return "", ""
	}
	switch i % 3 {
	case 1:
		if code, err := s.call(token, "POST", "/api/inbox/"+created.ID+"/ack", "", nil); err != nil || code != 200 {
			return created.ID, "pending"
		}
		return created.ID, "delivered"
	case 2:
		if code, err := s.call(token, "DELETE", "/api/events/"+created.ID, "", nil); err != nil || code != 204 {
			return created.ID, "unknown"
		}
		return created.ID, "deleted"
	}
	return created.ID, "pending"
}

func TestTwoServersOnOneDirectory(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	start(t, data)
	_, stderr, code := output(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0")
	if want := fmt.Sprintf("apier: another apier serve runs on %s", data); code != 1 || len(stderr) < len(want) || stderr[:len(want)] != want {
		t.Errorf("got %d %q", code, stderr)
	}
}
