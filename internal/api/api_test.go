package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/store"
)

// ids stand for {id} in paths, by how the path begins.
type ids map[string]string

// noIDs lead to nothing.
func noIDs() ids {
	return ids{
		"/api/events/": "evt_06d86tnnr1x3372y4yw09mvfm4", "/api/inbox/": "evt_06d86tnnr1x3372y4yw09mvfm4",
		"/api/endpoints/": "ep_06d86tnnr1x3372y4yw09mvfm4", "/api/deliveries/": "dlv_06d86tnnr1x3372y4yw09mvfm4",
		"/api/recoveries/": "rec_06d86tnnr1x3372y4yw09mvfm4", "/api/erasures/": "ers_06d86tnnr1x3372y4yw09mvfm4", "/api/connections/": "conn_7",
		"/api/operations/": "opn_06d86tnnr1x3372y4yw09mvfm4",
	}
}

func (i ids) path(path string) string {
	for prefix, id := range i {
		if strings.HasPrefix(path, prefix) {
			path = strings.ReplaceAll(path, "{id}", id)
		}
	}
	return path
}

// concrete gives a request for a line of the table: method, path of an id, and a body that would do.
func concrete(r route, i ids) (method, path, body string) {
	method, path, _ = strings.Cut(r.pattern, " ")
	switch r.pattern {
	case "POST /api/events":
		body = good
	case "POST /api/events/batch":
		body = "[" + good + "]"
	case "POST /api/endpoints":
		body = `{"url":"https://shop.example/hooks"}`
	case "PATCH /api/endpoints/{id}":
		body = `{"description":"shop"}`
	case "POST /api/endpoints/{id}/recover":
		body = `{"kind":"replay","since":"2025-11-14T17:00:00Z"}`
	case "POST /api/events/erase":
		body = `{"source":"shop"}`
	case "POST /api/operations":
		body = `{"kind":"acknowledge","selection":{"source":"shop"}}`
	case "POST /api/inbox/ack":
		body = `{"ids":["` + i["/api/inbox/"] + `","evt_nothing"]}`
	case "POST /api/inbox/{id}/nack":
		body = `{"group":"billing"}`
	case "POST /api/inbox/{id}/extend":
		body = `{"lease_seconds":60,"group":"billing"}`
	case "POST /api/webhooks/verify":
		body = `{"endpoint_id":"` + i["/api/endpoints/"] + `","headers":{},"body":""}`
	}
	return method, strings.ReplaceAll(i.path(path), "{name}", "billing"), body
}

func TestEveryRouteAsksForItsScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	samples := w.samples(t)
	expired, _, err := w.auth.IssueFor(auth.Identity{Tenant: auth.DefaultTenant, Subject: "u", Scopes: auth.AllScopes()}, -time.Second)
	if err != nil {
		t.Fatal(err)
	}
	other := map[string]string{}
	for scope, has := range map[string][]string{
		auth.ScopeRead: {auth.ScopeWrite}, auth.ScopeWrite: {auth.ScopeRead}, auth.ScopeAdmin: {auth.ScopeRead, auth.ScopeWrite},
	} {
		if other[scope], _, err = w.auth.Issue(auth.Identity{Tenant: auth.DefaultTenant, Subject: "u", Scopes: has}); err != nil {
			t.Fatal(err)
		}
	}
	before := w.seq(t)
	for _, r := range table() {
		method, path, body := concrete(r, samples)
		if path == "/api/webhook" {
			continue // it asks for a signature: TestReceiverRefuses
		}
		if r.scope == "" {
			if got := w.do(t, method, path, body, "Authorization", ""); got.status == 403 || got.status == 401 && path != "/api/token" {
				t.Errorf("%s: %d", r.pattern, got.status)
			}
			continue
		}
		for _, bad := range []string{"", "Bearer", "Bearer ", "Basic YXBpOng=", "Bearer x.y.z", "Bearer " + expired, "Bearer " + auth.GenerateKey(), w.key} {
			answer := w.do(t, method, path, body, "Authorization", bad)
			answer.refused(t, 401, apier.CodeUnauthorized)
			if answer.header.Get("WWW-Authenticate") != `Bearer realm="apier"` {
				t.Errorf("%s: WWW-Authenticate %q", r.pattern, answer.header.Get("WWW-Authenticate"))
			}
		}
		p := w.do(t, method, path, body, as(other[r.scope])...).refused(t, 403, apier.CodeForbidden)
		if !strings.Contains(p.Detail, r.scope) {
			t.Errorf("%s: %q does not name %s", r.pattern, p.Detail, r.scope)
		}
	}
	if w.seq(t) != before {
		t.Error("a refused request stored something")
	}
	w.do(t, "GET", "/api/events", "", "Authorization", "bearer  "+w.key).want(t, 200, nil) // RFC 9110: the scheme in any case
}

func TestWrongPathsAndMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	for _, path := range []string{"/api/", "/api/nothing", "/api/events/x/y", "/api/inbox/x/y", "/api/metrics", "/api/events/"} {
		for _, method := range []string{"GET", "POST", "PATCH"} {
			w.do(t, method, path, "").refused(t, 404, apier.CodeNotFound)
		}
	}
	for path, allow := range map[string]string{
		"/api/token":           "POST",
		"/api/token/refresh":   "POST",
		"/api/events":          "GET, POST",
		"/api/events/x":        "GET, DELETE",
		"/api/inbox":           "GET",
		"/api/inbox/x/ack":     "POST",
		"/api/metrics/summary": "GET",
		"/api/config":          "GET",
		"/api/docs":            "GET",
		"/api/openapi.json":    "GET",
	} {
		for _, method := range []string{"PUT", "PATCH", "POST", "DELETE", "OPTIONS", "PURGE"} {
			if strings.Contains(allow, method) {
				continue
			}
			answer := w.do(t, method, path, good)
			answer.refused(t, 405, apier.CodeMethodNotAllowed)
			if answer.header.Get("Allow") != allow {
				t.Errorf("%s %s: Allow %q, want %q", method, path, answer.header.Get("Allow"), allow)
			}
		}
	}
	if got := w.do(t, "HEAD", "/api/events", ""); got.status != 200 || len(got.body) != 0 {
		t.Errorf("HEAD: %d", got.status)
	}
	if w.seq(t) != 0 {
		t.Error("something was stored")
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	const page = "https://shop.example"
	preflight := []string{"Authorization", "", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type", "Origin"}
	for _, tc := range []struct {
		name    string
		origins auth.Origins
		origin  string
		allowed bool
	}{
		{"none", nil, page, false},
		{"listed", auth.Origins{"https://other.example", page}, page, true},
		{"any", auth.Origins{"*"}, page, true},
		{"another", auth.Origins{page}, "https://evil.example", false},
		{"another scheme", auth.Origins{page}, "http://shop.example", false},
		{"longer", auth.Origins{page}, page + ".evil.example", false},
		{"null", auth.Origins{page}, "null", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, worldOptions{api: Options{AllowedOrigins: tc.origins}})
			asked := w.do(t, "OPTIONS", "/api/events", "", append(preflight, tc.origin)...)
			if tc.allowed != (asked.status == 204) {
				t.Errorf("preflight: %d", asked.status)
			}
			got := w.do(t, "GET", "/api/events", "", "Origin", tc.origin)
			got.want(t, 200, nil)
			for _, h := range []http.Header{asked.header, got.header} {
				want := map[bool]string{true: tc.origin}[tc.allowed]
				if h.Get("Access-Control-Allow-Origin") != want || h.Get("Access-Control-Allow-Credentials") != "" {
					t.Errorf("headers %v", h)
				}
				if tc.origins != nil && !slices.Contains(h.Values("Vary"), "Origin") {
					t.Errorf("a cache would mix origins: %v", h)
				}
			}
			if h := asked.header; tc.allowed && (!strings.Contains(h.Get("Access-Control-Allow-Methods"), "DELETE") ||
				!strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization") || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Idempotency-Key")) {
				t.Errorf("preflight %v", h)
			}
			// An error must be readable to the page too.
			failed := w.do(t, "GET", "/api/events/x", "", "Origin", tc.origin)
			if (failed.header.Get("Access-Control-Allow-Origin") != "") != tc.allowed {
				t.Errorf("an error has %v", failed.header)
			}
		})
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{api: Options{RequestsPerSec: 0.5}})
	w.do(t, "GET", "/api/events", "").want(t, 200, nil)
	limited := w.do(t, "POST", "/api/events", good)
	limited.refused(t, 429, apier.CodeRateLimited)
	if limited.header.Get("Retry-After") != "2" {
		t.Errorf("Retry-After %q", limited.header.Get("Retry-After"))
	}
	w.do(t, "GET", "/api/events", "", as(w.reader)...).want(t, 200, nil) // each key has its own
	w.do(t, "GET", "/api/health", "", "Authorization", "").want(t, 200, nil)
	w.clock.advance(2 * time.Second)
	w.do(t, "POST", "/api/events", good).want(t, 201, nil)
	w.do(t, "POST", "/api/events", good).refused(t, 429, apier.CodeRateLimited)
	if w.seq(t) != 1 {
		t.Error("a limited request was stored")
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	now := time.Now()
	r := newRates(10, 2)
	one, two := caller{"a", "x"}, caller{"b", "x"}
	for i := range 20 {
		if wait := r.take(one, now); wait != 0 {
			t.Fatalf("request %d of the burst waits %v", i, wait)
		}
	}
	if wait := r.take(one, now); wait != 100*time.Millisecond {
		t.Errorf("beyond the burst: %v", wait)
	}
	if r.take(two, now) != 0 {
		t.Error("another tenant is limited too")
	}
	if r.take(one, now.Add(100*time.Millisecond)) != 0 {
		t.Error("after the wait it is still limited")
	}
	if newRates(0, 2).take(one, now) != 0 {
		t.Error("0 is not unlimited")
	}
	for i := range maxCallers + 10 {
		r.take(caller{subject: fmt.Sprint(i)}, now)
	}
	if len(r.callers) > maxCallers {
		t.Errorf("%d callers are remembered", len(r.callers))
	}
}

// broken fails at everything but keys.
type broken struct{ store.Store }

func (broken) err() error { return fmt.Errorf("read: %w", errors.New(cause)) }

func (b broken) Append(context.Context, apier.TenantID, []apier.NewEvent, *store.IdempotencyKey) (store.Receipts, error) {
	return store.Receipts{}, b.err()
}

func (b broken) Event(context.Context, apier.TenantID, apier.EventID) (apier.Event, error) {
	return apier.Event{}, b.err()
}

func (b broken) List(context.Context, apier.TenantID, store.Filter) (store.Page, error) {
	return store.Page{}, b.err()
}

func (b broken) Settle(context.Context, apier.TenantID, apier.EventID, store.Outcome) (apier.Event, error) {
	return apier.Event{}, b.err()
}
func (b broken) Delete(context.Context, apier.TenantID, apier.EventID) error { return b.err() }
func (b broken) Summary(context.Context, apier.TenantID) (store.Summary, error) {
	return store.Summary{}, b.err()
}

func (b broken) Latency(context.Context, apier.TenantID, time.Time) (store.Latency, error) {
	return store.Latency{}, b.err()
}

func (b broken) Throughput(context.Context, apier.TenantID, time.Time) (store.Throughput, error) {
	return store.Throughput{}, b.err()
}

func (b broken) TopErrors(context.Context, apier.TenantID, time.Time, int) ([]store.ErrorCount, error) {
	return nil, b.err()
}

func (b broken) PendingRetries(context.Context, apier.TenantID) (int64, error) { return 0, b.err() }

func (b broken) EraseEvent(context.Context, apier.TenantID, apier.EventID) (apier.Event, error) {
	return apier.Event{}, b.err()
}

func (b broken) CountOperable(context.Context, apier.TenantID, store.NewOperation) (int64, error) {
	return 0, b.err()
}

func (b broken) CreateOperation(context.Context, apier.TenantID, store.NewOperation) (apier.Operation, error) {
	return apier.Operation{}, b.err()
}

func (b broken) StopOperation(context.Context, apier.TenantID, apier.OperationID) (apier.Operation, error) {
	return apier.Operation{}, b.err()
}

func (b broken) Operation(context.Context, apier.TenantID, apier.OperationID) (apier.Operation, error) {
	return apier.Operation{}, b.err()
}

func (b broken) ListOperations(context.Context, apier.TenantID, store.PageOf[apier.OperationID]) (store.OperationPage, error) {
	return store.OperationPage{}, b.err()
}

func (b broken) EndpointHealth(context.Context, apier.TenantID, store.PageOf[apier.EndpointID]) (store.HealthPage, error) {
	return store.HealthPage{}, b.err()
}

func (b broken) EndpointsByID(context.Context, apier.TenantID, []string) (store.EndpointPage, error) {
	return store.EndpointPage{}, b.err()
}

func (b broken) CreateErasure(context.Context, apier.TenantID, apier.Selection) (apier.Erasure, error) {
	return apier.Erasure{}, b.err()
}

func (b broken) Erasure(context.Context, apier.TenantID, apier.ErasureID) (apier.Erasure, error) {
	return apier.Erasure{}, b.err()
}

func (b broken) Erasures(context.Context, apier.TenantID) ([]apier.Erasure, error) {
	return nil, b.err()
}

func (b broken) Space(context.Context) (store.Space, error) { return store.Space{}, b.err() }

func (b broken) Lease(context.Context, apier.TenantID, store.LeaseRequest) (store.Leases, error) {
	return store.Leases{}, b.err()
}

func (b broken) Acknowledge(context.Context, apier.TenantID, store.Holder, []store.LeaseRef) ([]store.Acknowledgement, error) {
	return nil, b.err()
}

func (b broken) GiveBack(context.Context, apier.TenantID, store.Holder, store.LeaseRef, time.Duration) (store.Lease, error) {
	return store.Lease{}, b.err()
}

func (b broken) Extend(context.Context, apier.TenantID, store.Holder, store.LeaseRef, time.Duration) (store.Lease, error) {
	return store.Lease{}, b.err()
}

func (b broken) PutGroup(context.Context, apier.TenantID, store.NewGroup) (store.Group, error) {
	return store.Group{}, b.err()
}

func (b broken) Groups(context.Context, apier.TenantID) ([]store.Group, error) { return nil, b.err() }

func (b broken) DeleteGroup(context.Context, apier.TenantID, string) error { return b.err() }

func (b broken) RecordWebhook(context.Context, apier.TenantID, apier.Webhook) (apier.Webhook, error) {
	return apier.Webhook{}, b.err()
}

func (b broken) ListWebhooks(context.Context, apier.TenantID, store.WebhookFilter) (store.WebhookPage, error) {
	return store.WebhookPage{}, b.err()
}

func (b broken) Secrets(context.Context, apier.TenantID, apier.EndpointID) ([][]byte, error) {
	return nil, b.err()
}

func (b broken) Ping(context.Context) error { return b.err() }
func (b broken) KeyByHash(context.Context, [32]byte) (store.Key, error) {
	return store.Key{}, b.err()
}

func (b broken) KeyByID(context.Context, apier.TenantID, string) (store.Key, error) {
	return store.Key{}, b.err()
}

func (b broken) CreateEndpoint(context.Context, apier.TenantID, apier.Endpoint, []byte) (apier.Endpoint, error) {
	return apier.Endpoint{}, b.err()
}

func (b broken) Endpoint(context.Context, apier.TenantID, apier.EndpointID) (apier.Endpoint, error) {
	return apier.Endpoint{}, b.err()
}

func (b broken) Endpoints(context.Context, apier.TenantID, store.PageOf[apier.EndpointID]) (store.EndpointPage, error) {
	return store.EndpointPage{}, b.err()
}

func (b broken) UpdateEndpoint(context.Context, apier.TenantID, apier.EndpointID, func(*apier.Endpoint) error) (apier.Endpoint, error) {
	return apier.Endpoint{}, b.err()
}

func (b broken) DeleteEndpoint(context.Context, apier.TenantID, apier.EndpointID) error {
	return b.err()
}

func (b broken) RotateSecret(context.Context, apier.TenantID, apier.EndpointID, []byte, time.Duration) error {
	return b.err()
}

func (b broken) Delivery(context.Context, apier.TenantID, apier.DeliveryID) (apier.Delivery, error) {
	return apier.Delivery{}, b.err()
}

func (b broken) ListDeliveries(context.Context, apier.TenantID, store.DeliveryFilter) (store.DeliveryPage, error) {
	return store.DeliveryPage{}, b.err()
}

func (b broken) Attempts(context.Context, apier.TenantID, apier.DeliveryID) ([]apier.Attempt, error) {
	return nil, b.err()
}

func (b broken) Retry(context.Context, apier.TenantID, apier.DeliveryID) (apier.Delivery, error) {
	return apier.Delivery{}, b.err()
}

func (b broken) CreateRecovery(context.Context, apier.TenantID, apier.Recovery) (apier.Recovery, error) {
	return apier.Recovery{}, b.err()
}

func (b broken) StopRecovery(context.Context, apier.TenantID, string) (apier.Recovery, error) {
	return apier.Recovery{}, b.err()
}

func (b broken) Recovery(context.Context, apier.TenantID, string) (apier.Recovery, error) {
	return apier.Recovery{}, b.err()
}

func (b broken) Recoveries(context.Context, apier.TenantID, apier.EndpointID) ([]apier.Recovery, error) {
	return nil, b.err()
}

// fakeTester answers as an endpoint of the store does, or fails as the store does.
type fakeTester struct{ store store.Store }

func (f fakeTester) Test(ctx context.Context, tenant apier.TenantID, id apier.EndpointID, sample apier.NewEvent) (apier.Attempt, error) {
	_, err := f.store.Endpoint(ctx, tenant, id)
	return apier.Attempt{Number: 1, StatusCode: 200, RequestHeaders: map[string]string{"apier-event-type": sample.Type}}, err
}

// noStore are the routes that work without a store.
func noStore() []string {
	return []string{"/api/token", "/api/token/refresh", "/api/ws-tickets", "/api/config", "/api/connections", "/api/connections/conn_7", "/api/openapi.json", "/api/docs"}
}

func TestBrokenStoreShowsNoCause(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{wrap: func(s store.Store) store.Store { return broken{s} }})
	for _, r := range table() {
		method, path, body := concrete(r, noIDs())
		if slices.Contains(noStore(), path) {
			continue
		}
		p := w.do(t, method, path, body, as(w.admin)...).refused(t, 500, apier.CodeInternal)
		if strings.Contains(p.Detail, "read:") || strings.Contains(p.Detail, "fire") {
			t.Errorf("%s tells of the cause: %q", r.pattern, p.Detail)
		}
		if !strings.Contains(w.log.String(), "path="+path+" ") {
			t.Errorf("%s: the log does not tell", r.pattern)
		}
	}
	if !strings.Contains(w.log.String(), cause) {
		t.Errorf("the log has no cause: %s", w.log)
	}
}

// Where every request fails, the log tells of some, and how many there were.
func TestTheLogIsNotFloodedByWhatFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{wrap: func(s store.Store) store.Store { return broken{s} }})
	for range 10*failuresPerSec + 7 {
		w.do(t, "GET", "/api/events", "").refused(t, 500, apier.CodeInternal)
	}
	w.clock.advance(time.Second)
	w.do(t, "GET", "/api/events", "").refused(t, 500, apier.CodeInternal)
	if lines := strings.Count(w.log.String(), "request failed"); lines != 10*failuresPerSec+1 || !strings.Contains(w.log.String(), "failed_unlogged=7") {
		t.Errorf("%d lines: %s", lines, w.log)
	}
}

func TestBrokenKeysShowNoCause(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{keys: broken{}})
	w.do(t, "GET", "/api/events", "").refused(t, 500, apier.CodeInternal)
	w.token(t, form("username", "api", "password", w.key)).refused(t, 500, apier.CodeInternal)
	token, _, err := w.auth.Issue(auth.Identity{Tenant: auth.DefaultTenant, Subject: "k", Scopes: auth.AllScopes(), KeyID: "k"})
	if err != nil {
		t.Fatal(err)
	}
	w.do(t, "GET", "/api/events", "", as(token)...).refused(t, 500, apier.CodeInternal)
}

// TestFullQueue holds the writer in its first commit; of two more requests one finds the only place in
// the queue and the other none.
func TestFullQueue(t *testing.T) {
	t.Parallel()
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w := newWorld(t, worldOptions{store: store.Options{WriteQueue: 1, Announce: func([]apier.Commit) {
		once.Do(func() { close(held); <-release })
	}}})
	answers := make(chan reply, 3)
	var requests sync.WaitGroup
	defer requests.Wait()
	send := func() { answers <- w.do(t, "POST", "/api/events", good) }
	requests.Go(send)
	<-held
	requests.Go(send)
	requests.Go(send)
	full := <-answers
	close(release)
	full.refused(t, 503, apier.CodeUnavailable)
	if full.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", full.header.Get("Retry-After"))
	}
	for range 2 {
		if got := <-answers; got.status != 201 {
			t.Errorf("%d: %s", got.status, got.body)
		}
	}
	if w.seq(t) != 2 {
		t.Errorf("seq %d", w.seq(t))
	}
}

func TestClosedStoreIsUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.do(t, "GET", "/api/health", "", "Authorization", "").want(t, 200, nil)
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	answer := w.do(t, "GET", "/api/health", "", "Authorization", "")
	answer.refused(t, 503, apier.CodeUnavailable)
	if answer.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestConcurrentSendersGetEachSeqOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	const senders, each = 8, 25
	var wg sync.WaitGroup
	seqs := make(chan apier.Seq, senders*each)
	for range senders {
		wg.Go(func() {
			for range each {
				seqs <- w.create(t, "a.b", "s", "{}").Seq
			}
		})
	}
	wg.Wait()
	close(seqs)
	seen := map[apier.Seq]bool{}
	for seq := range seqs {
		if seen[seq] {
			t.Errorf("seq %d twice", seq)
		}
		seen[seq] = true
	}
	if len(seen) != senders*each || w.seq(t) != senders*each {
		t.Errorf("%d seqs", len(seen))
	}
}
