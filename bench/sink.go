//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// sink takes webhooks and counts those that it has not had.
type sink struct {
	server *http.Server
	url    string

	mu   sync.Mutex
	seen map[string]struct{}
	want int
	done chan time.Time // when the last of those wanted came
}

func newSink(ctx context.Context) (*sink, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{url: "http://" + l.Addr().String(), seen: map[string]struct{}{}}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: readyWithin}
	go func() { _ = s.server.Serve(l) }() // until it is closed
	return s, nil
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // what is cut off is sent again
	s.note(r.Header.Get("Webhook-Id"))
	w.WriteHeader(http.StatusNoContent)
}

func (s *sink) note(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, had := s.seen[id]; had {
		return
	}
	s.seen[id] = struct{}{}
	if len(s.seen) == s.want {
		s.done <- time.Now()
	}
}

// expect begins to count anew.
func (s *sink) expect(n int) chan time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.seen)
	s.want, s.done = n, make(chan time.Time, 1)
	return s.done
}

// await waits until all have come, and gives how long that took.
func (s *sink) await(ctx context.Context, done chan time.Time, begun time.Time, within time.Duration) (time.Duration, error) {
	select {
	case at := <-done:
		return at.Sub(begun), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(within):
		s.mu.Lock()
		defer s.mu.Unlock()
		return 0, fmt.Errorf("%d of %d webhooks have come after %v", len(s.seen), s.want, within)
	}
}
