package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apier/apier/internal/signature"
)

// storm is a receiver of webhooks in bad weather: it fails now and then, answers late now and then, and remembers what
// it took.
type storm struct {
	*httptest.Server
	t      *testing.T
	secret atomic.Pointer[[]byte]
	came   chan struct{} // capacity 1: something was taken

	mu       sync.Mutex
	took     map[string]int
	attempts int
}

func newStorm(t *testing.T) *storm {
	t.Helper()
	s := &storm{t: t, came: make(chan struct{}, 1), took: map[string]int{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *storm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender was killed
	}
	if err := signature.MessageOf(r.Header, body).Verify(time.Now(), *s.secret.Load()); err != nil {
		s.t.Errorf("a webhook with a signature that does not hold: %v", err)
	}
	s.mu.Lock()
	s.attempts++
	s.mu.Unlock()
	switch rand.IntN(20) {
	case 0, 1, 2:
		http.Error(w, "not now", http.StatusInternalServerError)
		return
	case 3:
		<-r.Context().Done() // until the sender's patience or its life ends
		return
	}
	s.mu.Lock()
	s.took[r.Header.Get(signature.HeaderID)]++
	s.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
	select {
	case s.came <- struct{}{}:
	default:
	}
}

// lacks gives how many of the events have not come.
func (s *storm) lacks(ids map[string]bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range ids {
		if s.took[id] == 0 {
			n++
		}
	}
	return n
}

// TestEveryEventArrivesThroughKills kills the server with -9 in the middle of a storm of deliveries, again and again.
// Every event that was answered 201 reaches the receiver and is delivered by the server's own account.
func TestEveryEventArrivesThroughKills(t *testing.T) {
	t.Parallel()
	receiver := newStorm(t)
	data := t.TempDir()
	args := []string{"--api-key", testKey, "--allow-private-endpoints"}
	s := start(t, data, args...)
	var endpoint struct{ ID, Secret string }
	s.must(testKey, "POST", "/api/endpoints", fmt.Sprintf(`{"url":%q,"max_in_flight":20,"timeout_ms":1000,
		"retry_schedule_ms":[0,50,50,100,100,200,200,400,400,800,800,1000,1000,1000,1000,1000,1000,1000,1000,1000]}`, receiver.URL+"/hooks"), &endpoint)
	secret, err := signature.ParseSecret(endpoint.Secret)
	if err != nil {
		t.Fatal(err)
	}
	receiver.secret.Store(&secret)
	acknowledged := map[string]bool{}
	for range 3 {
		sendUntilKilled(s, acknowledged, 150)
		s = start(t, data, args...)
	}
	for deadline := time.After(2 * patience); receiver.lacks(acknowledged) > 0; {
		select {
		case <-receiver.came:
		case <-deadline:
			t.Fatalf("%d of %d events have not come; the log says:\n%s", receiver.lacks(acknowledged), len(acknowledged), s.log)
		}
	}
	var health struct{ Pending, Delivered, Failed int }
	for deadline := time.Now().Add(patience); ; {
		s.must(testKey, "GET", "/api/endpoints/"+endpoint.ID, "", &health)
		if health.Pending == 0 || time.Now().After(deadline) {
			break
		}
	}
	if health.Pending != 0 || health.Failed != 0 || health.Delivered < len(acknowledged) {
		t.Errorf("of %d acknowledged, the server counts %+v", len(acknowledged), health)
	}
	status, _ := stored(t, s, testKey)
	for id := range acknowledged {
		if status[id] != "delivered" {
			t.Errorf("%s is %q", id, status[id])
		}
	}
	t.Logf("%d events by %d attempts", health.Delivered, receiver.attempts)
}

// An attempt that was under way when the server was killed is made again at the next start, not when its lease of 70
// seconds would have run out.
func TestAKilledAttemptIsMadeAgainAtOnce(t *testing.T) {
	t.Parallel()
	attempts := make(chan int, 10)
	var made atomic.Int64
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := made.Add(1)
		attempts <- int(n)
		if n == 1 {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done() // until the sender is killed
		}
	}))
	t.Cleanup(receiver.Close)
	data := t.TempDir()
	args := []string{"--api-key", testKey, "--allow-private-endpoints"}
	s := start(t, data, args...)
	s.must(testKey, "POST", "/api/endpoints", fmt.Sprintf(`{"url":%q,"timeout_ms":%d}`, receiver.URL, 60_000), nil)
	s.must(testKey, "POST", "/api/events", eventBody(1), nil)
	awaitAttempt(t, attempts, 1)
	s.kill()
	s = start(t, data, args...)
	awaitAttempt(t, attempts, 2)
	if !strings.Contains(s.log.String(), "attempts were cut off when the server was killed; they are due again") {
		t.Errorf("the log does not tell of it:\n%s", s.log)
	}
}

func awaitAttempt(t *testing.T, attempts <-chan int, want int) {
	t.Helper()
	select {
	case got := <-attempts:
		if got != want {
			t.Fatalf("attempt %d, want %d", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("attempt %d has not come", want)
	}
}

// sendUntilKilled sends from several senders, kills the server once enough is acknowledged, and notes what was.
func sendUntilKilled(s *process, acknowledged map[string]bool, enough int64) {
	var mu sync.Mutex
	var count atomic.Int64
	var senders sync.WaitGroup
	killed := make(chan struct{})
	for sender := range 4 {
		senders.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-killed:
					return
				default:
				}
				var created struct{ ID string }
				if code, err := s.call(testKey, "POST", "/api/events", eventBody(sender*100_000+i), &created); err != nil || code != 201 {
					continue
				}
				mu.Lock()
				acknowledged[created.ID] = true
				mu.Unlock()
				if count.Add(1) == enough {
					s.kill()
					close(killed)
				}
			}
		})
	}
	senders.Wait()
}
