package api

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/store"
	"github.com/apier/apier/internal/store/sqlite"
)

const (
	secret = "the-secret-that-signs-tokens-and-stays-inside"
	cause  = "disk on fire: /secret/path"
)

// clock is the time of a world: it moves when a test says so.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// journal is a log that can be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

type worldOptions struct {
	api   Options
	store store.Options
	wrap  func(store.Store) store.Store // what the API sees of the store
	keys  auth.Keys                     // what authentication sees [the real store]
}

// world is a server with a real store, and keys of two tenants.
type world struct {
	run     string // which cursors name
	url     string
	client  *http.Client
	store   *sqlite.Store // the real one, behind any wrapper
	auth    *auth.Authenticator
	clock   *clock
	log     *journal
	key     string // events:read events:write of tenant default
	keyID   string
	reader  string // events:read of the same tenant
	admin   string // all scopes of the same tenant
	foreign string // all scopes of another tenant
	secrets []string
}

func newWorld(t *testing.T, opt worldOptions) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{clock: &clock{now: time.Date(2025, 11, 14, 17, 30, 0, 0, time.UTC)}, log: &journal{}}
	opt.store.Now, opt.api.Now = w.clock.Now, w.clock.Now
	opt.api.Log = slog.New(slog.NewTextHandler(w.log, nil))
	var err error
	if w.store, err = sqlite.Open(t.Context(), filepath.Join(dir, "apier.db"), opt.store); err != nil {
		t.Fatal(err)
	}
	if opt.api.Run, err = w.store.BeginRun(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.run = opt.api.Run
	seen := store.Store(w.store)
	if opt.wrap != nil {
		seen = opt.wrap(w.store)
	}
	if opt.keys == nil {
		opt.keys = w.store
	}
	if opt.api.Tester == nil {
		opt.api.Tester = fakeTester{seen}
	}
	w.auth = auth.New(opt.keys, []byte(secret), auth.Options{Now: w.clock.Now})
	server := httptest.NewServer(New(seen, w.auth, opt.api))
	w.url, w.client = server.URL, server.Client()
	w.key, w.keyID = w.newKey(t, auth.DefaultTenant, auth.ScopeRead, auth.ScopeWrite)
	w.reader, _ = w.newKey(t, auth.DefaultTenant, auth.ScopeRead)
	w.admin, _ = w.newKey(t, auth.DefaultTenant, auth.ScopeAdmin)
	w.foreign, _ = w.newKey(t, "elsewhere", auth.ScopeAdmin)
	w.secrets = []string{w.key, w.reader, w.admin, w.foreign, secret, dir}
	t.Cleanup(func() {
		server.Close()
		if err := w.store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
		for _, s := range w.secrets {
			if strings.Contains(w.log.String(), s) {
				t.Errorf("the log holds a secret: %s", s)
			}
		}
	})
	return w
}

func (w *world) newKey(t *testing.T, tenant apier.TenantID, scopes ...string) (key, id string) {
	t.Helper()
	key = auth.GenerateKey()
	stored, err := w.store.CreateKey(t.Context(), tenant, auth.Describe(key, "test", scopes))
	if err != nil {
		t.Fatal(err)
	}
	return key, stored.ID
}

type reply struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request with the world's key. headers are pairs; an empty value removes the header. No
// error may hold a secret, nor the credential that was sent.
func (w *world) do(t *testing.T, method, path, body string, headers ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.key)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	response, err := w.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode >= 400 {
		_, credential, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		for _, s := range append(w.secrets, credential, cause, "/secret/path") {
			if s != "" && bytes.Contains(text, []byte(s)) {
				t.Errorf("%s %s: the error holds a secret: %s", method, path, text)
			}
		}
	}
	return reply{response.StatusCode, response.Header, text}
}

func as(credential string) []string { return []string{"Authorization", "Bearer " + credential} }

// want decodes a good answer.
func (r reply) want(t *testing.T, status int, into any) {
	t.Helper()
	if r.status != status {
		t.Fatalf("got %d, want %d: %s", r.status, status, r.body)
	}
	if into != nil {
		if err := json.Unmarshal(r.body, into); err != nil {
			t.Fatalf("%v: %s", err, r.body)
		}
	}
}

type problemBody struct {
	Title  string
	Status int
	Detail string
	Code   apier.Code
	Errors []apier.FieldError
}

// refused checks that the answer is a whole problem of this status and code.
func (r reply) refused(t *testing.T, status int, code apier.Code) problemBody {
	t.Helper()
	var p problemBody
	r.want(t, status, &p)
	if got := r.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q", got)
	}
	if p.Status != status || p.Code != code || p.Title != http.StatusText(status) || p.Detail == "" {
		t.Errorf("want %d %s, got %s", status, code, r.body)
	}
	return p
}

type receipt struct {
	ID        apier.EventID
	Status    string
	Timestamp apier.Timestamp
	Seq       apier.Seq
}

type eventBody struct {
	ID                  apier.EventID
	Type, Source        string
	Payload             json.RawMessage
	Status              apier.Status
	CreatedAt           apier.Timestamp  `json:"created_at"`
	UpdatedAt           apier.Timestamp  `json:"updated_at"`
	DeliveryAttempts    int              `json:"delivery_attempts"`
	LastDeliveryAttempt *apier.Timestamp `json:"last_delivery_attempt"`
	DeliveryLatencyMS   *int64           `json:"delivery_latency_ms"`
	ErrorMessage        *string          `json:"error_message"`
	Seq                 apier.Seq
}

type pageBody struct {
	Events  []eventBody
	HasMore bool `json:"has_more"`
	Seq     apier.Seq
}

// create stores one event.
func (w *world) create(t *testing.T, typ, source, payload string) receipt {
	t.Helper()
	var r receipt
	w.do(t, "POST", "/api/events", `{"type":"`+typ+`","source":"`+source+`","payload":`+payload+`}`).want(t, 201, &r)
	return r
}

// samples makes one of everything and gives the ids.
func (w *world) samples(t *testing.T) ids {
	t.Helper()
	e, err := w.store.CreateEndpoint(t.Context(), auth.DefaultTenant, apier.Endpoint{URL: "https://shop.example/hooks", Types: []string{"hook.*"}}.WithDefaults(), []byte("s"))
	if err != nil {
		t.Fatal(err)
	}
	event := w.create(t, "hook.sent", "s", "{}").ID
	page, err := w.store.ListDeliveries(t.Context(), auth.DefaultTenant, store.DeliveryFilter{Event: event})
	if err != nil {
		t.Fatal(err)
	}
	recovery, err := w.store.CreateRecovery(t.Context(), auth.DefaultTenant, apier.Recovery{Kind: apier.RecoverReplay, EndpointID: e.ID, RatePerSecond: 1})
	if err != nil {
		t.Fatal(err)
	}
	erasure, err := w.store.CreateErasure(t.Context(), auth.DefaultTenant, apier.Selection{Source: "nobody"})
	if err != nil {
		t.Fatal(err)
	}
	operation, err := w.store.CreateOperation(t.Context(), auth.DefaultTenant, store.NewOperation{Kind: apier.OperationAcknowledge, Selection: apier.OperationSelection{Source: "nobody"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.StopOperation(t.Context(), auth.DefaultTenant, operation.ID); err != nil {
		t.Fatal(err)
	}
	return ids{
		"/api/operations/": string(operation.ID), "/api/erasures/": string(erasure.ID), "/api/events/": string(event), "/api/inbox/": string(event), "/api/endpoints/": string(e.ID),
		"/api/deliveries/": string(page.Deliveries[0].ID), "/api/recoveries/": recovery.ID,
	}
}

// seq is the latest commit: it stays where it is as long as nothing is stored.
func (w *world) seq(t *testing.T) apier.Seq {
	t.Helper()
	head, err := w.store.Head(t.Context(), auth.DefaultTenant)
	if err != nil {
		t.Fatal(err)
	}
	return head
}

// fail ends the delivery of an event as no route does yet: the dispatcher will.
func (w *world) fail(t *testing.T, id apier.EventID, message string) {
	t.Helper()
	if _, err := w.store.Settle(t.Context(), auth.DefaultTenant, id, store.Outcome{Status: apier.StatusFailed, ErrorMessage: message}); err != nil {
		t.Fatal(err)
	}
}
