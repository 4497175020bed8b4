package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// outsider is a world around a server that is killed again and again. It knows what the documents say and nothing else:
// plain HTTP, a WebSocket of another library, and a receiver of webhooks. It writes down what the server confirmed.
type outsider struct {
	t      *testing.T
	client *http.Client
	stop   chan struct{}

	mu      sync.Mutex
	server  *process
	up      chan struct{} // closed once another server runs
	enough  chan struct{} // closed once the round has confirmed enough
	wanted  int
	status  map[string]string   // by id: pending, delivered, deleted, erased; "?" where an answer is outstanding
	numbers map[string]string   // by the number that a payload holds: the id confirmed for it
	holders map[string]string   // in the group: who holds an event
	done    map[string]bool     // in the group: acknowledged
	hooks   map[string]bool     // events for the receiver
	took    map[string]struct{} // what the receiver took
	came    chan struct{}
}

func newOutsider(t *testing.T) *outsider {
	t.Helper()
	return &outsider{
		t: t, client: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}, stop: make(chan struct{}),
		up: make(chan struct{}), status: map[string]string{}, numbers: map[string]string{}, holders: map[string]string{},
		done: map[string]bool{}, hooks: map[string]bool{}, took: map[string]struct{}{}, came: make(chan struct{}, 1),
	}
}

// answer is what a request got; status 0: none came, and what it asked for may have happened.
type answer struct {
	status   int
	body     []byte
	replayed bool
}

func (o *outsider) do(s *process, key, method, path, body string, header ...string) answer {
	req, err := http.NewRequestWithContext(context.WithoutCancel(o.t.Context()), method, s.url+path, strings.NewReader(body))
	if err != nil {
		o.t.Error(err)
		return answer{}
	}
	req.Header.Set("Authorization", "Bearer "+key)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := o.client.Do(req)
	if err != nil {
		return answer{}
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}
	}
	return answer{res.StatusCode, raw, res.Header.Get("Idempotency-Replayed") == "true"}
}

// insist asks until an answer comes, over as many servers as it takes; ok is false at the end of the test.
func (o *outsider) insist(key, method, path, body string, header ...string) (a answer, ok bool) {
	for {
		s, up := o.current()
		if a = o.do(s, key, method, path, body, header...); a.status != 0 && a.status != http.StatusServiceUnavailable {
			return a, true
		}
		select {
		case <-o.stop:
			return a, false
		case <-up:
		}
	}
}

func (o *outsider) current() (*process, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.server, o.up
}

// run lets a server be the present one until enough is confirmed, and kills it then.
func (o *outsider) run(s *process, enough int) {
	o.mu.Lock()
	o.server, o.wanted, o.enough = s, enough, make(chan struct{})
	close(o.up)
	o.up = make(chan struct{})
	reached := o.enough
	o.mu.Unlock()
	select {
	case <-reached:
	case <-time.After(2 * patience):
		o.t.Fatalf("too little is confirmed; the log says:\n%s", s.log)
	}
}

// confirmed counts what the server confirmed, under the lock.
func (o *outsider) confirmed() {
	if o.wanted--; o.wanted == 0 {
		close(o.enough)
	}
}

func (o *outsider) ended() bool {
	select {
	case <-o.stop:
		return true
	default:
		return false
	}
}

// publish sends events of its own, alone or by three, each under an Idempotency-Key, until one answer came for each.
func (o *outsider) publish(name string, random *rand.Rand) {
	for i := 0; !o.ended(); i++ {
		eventType := []string{"inbox.made", "hook.made", "group.made"}[random.IntN(3)]
		var numbers, events []string
		for n := range 1 + 2*random.IntN(2) {
			numbers = append(numbers, fmt.Sprintf("%s-%d-%d", name, i, n))
			events = append(events, fmt.Sprintf(`{"type":%q,"source":"outsider","payload":{"number":%q}}`, eventType, numbers[n]))
		}
		path, body := "/api/events", events[0]
		if len(events) > 1 {
			path, body = "/api/events/batch", "["+strings.Join(events, ",")+"]"
		}
		a, ok := o.insist(testKey, "POST", path, body, "Idempotency-Key", numbers[0])
		if !ok {
			return
		}
		var ids []string
		for _, found := range bytes.Split(a.body, []byte(`"id":"`))[1:] {
			id, _, _ := bytes.Cut(found, []byte(`"`))
			ids = append(ids, string(id))
		}
		if a.status/100 != 2 || len(ids) != len(numbers) {
			o.t.Errorf("%s: %d %s", path, a.status, a.body)
			return
		}
		o.mu.Lock()
		for n, id := range ids {
			o.numbers[numbers[n]], o.status[id] = id, "pending"
			if eventType == "hook.made" {
				o.hooks[id] = true
			}
		}
		o.confirmed()
		o.mu.Unlock()
		if eventType == "inbox.made" {
			o.change(ids[0], random.IntN(4))
		}
	}
}

// change acknowledges, deletes or erases an event, or leaves it.
func (o *outsider) change(id string, what int) {
	method, path, then, want := "POST", "/api/inbox/"+id+"/ack", "delivered", 200
	switch what {
	case 0:
		return
	case 1:
		method, path, then, want = "DELETE", "/api/events/"+id, "deleted", 204
	case 2:
		path, then = "/api/events/"+id+"/erase", "erased"
	}
	o.mu.Lock()
	o.status[id] = "?"
	s := o.server
	o.mu.Unlock()
	a := o.do(s, testKey, method, path, "")
	if a.status == 0 || a.status == http.StatusServiceUnavailable { // it may have happened
		return
	}
	if a.status != want {
		o.t.Errorf("%s %s: %d %s", method, path, a.status, a.body)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.status[id] = then
	o.confirmed()
}

// consume leases from a group as one of its workers, and acknowledges what it got.
func (o *outsider) consume(key string) {
	for !o.ended() {
		a, ok := o.insist(key, "GET", "/api/inbox?group=g&lease_seconds=600&limit=5&wait_seconds=1", "")
		if !ok {
			return
		}
		var leased []struct {
			ID    string
			Lease struct{ ID string }
		}
		if err := json.Unmarshal(a.body, &leased); err != nil || a.status != http.StatusOK {
			o.t.Errorf("a lease: %d %s %v", a.status, a.body, err)
			return
		}
		for _, l := range leased {
			o.mu.Lock()
			if held := o.holders[l.ID]; held != "" || o.done[l.ID] {
				o.t.Errorf("%s was handed out again (holder %q, done %v)", l.ID, held, o.done[l.ID])
			}
			o.holders[l.ID] = key
			s := o.server
			o.mu.Unlock()
			if a := o.do(s, key, "POST", "/api/inbox/"+l.ID+"/ack", fmt.Sprintf(`{"group":"g","lease_id":%q}`, l.Lease.ID)); a.status == http.StatusOK {
				o.mu.Lock()
				o.done[l.ID] = true
				o.confirmed()
				o.mu.Unlock()
			}
		}
	}
}

// follow keeps the state that a v1 connection shows, over all servers, until it has come to a seq.
func (o *outsider) follow(v *view, greeted chan<- struct{}, until func() int64) {
	for first := true; ; {
		s, up := o.current()
		target := strings.Replace(s.url, "http", "ws", 1) + "/ws?v=1"
		if v.session != "" {
			target += "&session=" + url.QueryEscape(v.session) + "&after=" + strconv.FormatInt(v.seq, 10)
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(o.t.Context()), 4*patience)
		conn, res, err := websocket.Dial(ctx, target, &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + v.token}}})
		if res != nil && res.Body != nil {
			_ = res.Body.Close()
		}
		for err == nil {
			var raw []byte
			if _, raw, err = conn.Read(ctx); err != nil {
				break
			}
			var f frame
			if err := json.Unmarshal(raw, &f); err != nil {
				o.t.Errorf("not JSON: %s", raw)
			}
			v.apply(o.t, f)
			if first && v.session != "" {
				first = false
				close(greeted)
			}
			if last := until(); last > 0 && v.seq >= last {
				cancel()
				_ = conn.CloseNow()
				return
			}
		}
		cancel()
		if conn != nil {
			_ = conn.CloseNow()
		}
		select {
		case <-up:
		case <-time.After(2 * patience):
			o.t.Errorf("the follower stands at %d: %v", v.seq, err)
			return
		}
	}
}

// check holds the store against what was confirmed.
func (o *outsider) check(s *process) {
	have, erased, seen := map[string]string{}, map[string]bool{}, map[string]string{}
	for after := ""; ; {
		var page struct {
			Events []struct {
				ID, Status string
				Erased     bool
				Payload    struct{ Number string }
			}
			HasMore bool `json:"has_more"`
		}
		s.must(testKey, "GET", "/api/events?limit=100&starting_after="+after, "", &page)
		for _, e := range page.Events {
			have[e.ID], erased[e.ID], after = e.Status, e.Erased, e.ID
			if other := seen[e.Payload.Number]; other != "" && e.Payload.Number != "" {
				o.t.Errorf("%s was stored twice, as %s and %s", e.Payload.Number, other, e.ID)
			}
			seen[e.Payload.Number] = e.ID
		}
		if !page.HasMore {
			break
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, status := range o.status {
		switch {
		case status == "deleted" && have[id] != "", status == "erased" && !erased[id],
			status == "delivered" && have[id] != "delivered", status == "pending" && have[id] == "":
			o.t.Errorf("%s was confirmed as %s and is %q (erased %v)", id, status, have[id], erased[id])
		}
	}
	for id := range o.done {
		if have[id] == "" {
			o.t.Errorf("%s was acknowledged in the group and is lost", id)
		}
	}
}

// lacks returns how many of the events for the receiver have not come.
func (o *outsider) lacks() (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for id := range o.hooks {
		if _, came := o.took[id]; !came {
			n++
		}
	}
	return n
}

// ServeHTTP is the receiver: it fails now and then.
func (o *outsider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil || rand.IntN(8) == 0 {
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	}
	o.mu.Lock()
	o.took[r.Header.Get("Webhook-Id")] = struct{}{}
	o.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
	select {
	case o.came <- struct{}{}:
	default:
	}
}
