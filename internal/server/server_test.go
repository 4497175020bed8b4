package server

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/hub"
	"github.com/apier/apier/internal/store"
)

// TestMain bounds the model test, whose every run is a server with clients and restarts, unless -rapid.checks says
// otherwise, as make soak does.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		_ = flag.Set("rapid.checks", "6") // rapid has registered it
	}
	goleak.VerifyTestMain(m)
}

func get(t *testing.T, h http.Handler, method, target string) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, http.NoBody))
	return w.Result()
}

func TestTheDashboardIsServedWithAStrictPolicy(t *testing.T) {
	t.Parallel()
	h := getOnly(newDashboard(fstest.MapFS{
		"index.html":         {Data: []byte(`<meta property="csp-nonce" nonce="__CSP_NONCE__"><script nonce="__CSP_NONCE__"></script>`)},
		"assets/app-1a2b.js": {Data: []byte("js")},
	}))
	seen := map[string]bool{}
	for _, path := range []string{"/", "/events", "/events/evt_1", "/index.html"} {
		res := get(t, h, http.MethodGet, path)
		body, _ := io.ReadAll(res.Body)
		nonce := regexp.MustCompile(`'nonce-([^']+)'`).FindStringSubmatch(res.Header.Get("Content-Security-Policy"))
		if res.StatusCode != 200 || nonce == nil || strings.Count(string(body), nonce[1]) != 2 || seen[nonce[1]] {
			t.Errorf("%s: %d %s %s", path, res.StatusCode, res.Header, body)
			continue
		}
		seen[nonce[1]] = true
		if strings.Contains(res.Header.Get("Content-Security-Policy"), "unsafe") || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s", path, res.Header)
		}
	}
	if res := get(t, h, http.MethodGet, "/assets/app-1a2b.js"); res.StatusCode != 200 || !strings.Contains(res.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("an asset: %d %s", res.StatusCode, res.Header)
	}
	if res := get(t, h, http.MethodGet, "/assets/gone.js"); res.StatusCode != 404 {
		t.Errorf("an unknown asset: %d", res.StatusCode)
	}
	if res := get(t, h, http.MethodPost, "/"); res.StatusCode != 405 {
		t.Errorf("POST /: %d", res.StatusCode)
	}
	if res := get(t, newDashboard(fstest.MapFS{}), http.MethodGet, "/"); res.StatusCode != 404 {
		t.Errorf("without a build: %d", res.StatusCode)
	}
}

// E4: the copies that the build compressed are served where the client takes them.
func TestAssetsAreServedCompressed(t *testing.T) {
	t.Parallel()
	h := getOnly(newDashboard(fstest.MapFS{
		"index.html":            {Data: []byte("page")},
		"assets/app-1a2b.js":    {Data: []byte("plain text")},
		"assets/app-1a2b.js.br": {Data: []byte("by br")},
		"assets/app-1a2b.js.gz": {Data: []byte("gz")},
		"assets/tiny-3c4d.css":  {Data: []byte("css")},
	}))
	ask := func(path string, headers ...string) *http.Response {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result()
	}
	tags := map[string]bool{}
	for accept, want := range map[string][2]string{
		"gzip, deflate, br": {"br", "by br"}, "gzip": {"gzip", "gz"}, "br;q=0, gzip": {"gzip", "gz"}, "identity": {"", "plain text"}, "": {"", "plain text"},
	} {
		res := ask("/assets/app-1a2b.js", "Accept-Encoding", accept)
		body, _ := io.ReadAll(res.Body)
		if got := [2]string{res.Header.Get("Content-Encoding"), string(body)}; got != want {
			t.Errorf("%q: %q", accept, got)
		}
		if res.ContentLength != int64(len(body)) || res.Header.Get("Vary") != "Accept-Encoding" ||
			!strings.HasPrefix(res.Header.Get("Content-Type"), "text/javascript") || !strings.Contains(res.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%q: %v", accept, res.Header)
		}
		tag := res.Header.Get("ETag")
		tags[tag] = true
		again := ask("/assets/app-1a2b.js", "Accept-Encoding", accept, "If-None-Match", tag)
		if again.StatusCode != http.StatusNotModified || again.Header.Get("Vary") != "Accept-Encoding" || again.Header.Get("ETag") != tag {
			t.Errorf("%q, again: %d %v", accept, again.StatusCode, again.Header)
		}
	}
	if len(tags) != 3 {
		t.Errorf("%d tags of three representations", len(tags))
	}
	if res := ask("/assets/tiny-3c4d.css", "Accept-Encoding", "br"); res.Header.Get("Content-Encoding") != "" || res.Header.Get("Vary") != "" {
		t.Errorf("a file without copies: %v", res.Header)
	}
	for _, gone := range []string{"/assets/app-1a2b.js.br", "/assets/app-0000.js"} {
		if res := ask(gone); res.StatusCode != http.StatusNotFound || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", gone, res.StatusCode, res.Header)
		}
	}
}

func TestAHostCannotWriteIntoThePolicy(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{"localhost:8080": true, "[::1]:8080": true, "x; script-src *": false, "": false} {
		if got := strings.Contains(contentSecurityPolicy("n", host), "ws://"); got != want {
			t.Errorf("%q: named %v", host, got)
		}
	}
}

// countedMetrics counts how often the counters are read.
type countedMetrics struct {
	store.Metrics
	reads atomic.Int64
}

func (m *countedMetrics) Summary(context.Context, apier.TenantID) (store.Summary, error) {
	return store.Summary{Total: m.reads.Add(1)}, nil
}

func (m *countedMetrics) Throughput(context.Context, apier.TenantID, time.Time) (store.Throughput, error) {
	return store.Throughput{}, nil
}

func (m *countedMetrics) Latency(context.Context, apier.TenantID, time.Time) (store.Latency, error) {
	return store.Latency{}, nil
}

func TestMetricsArePublishedOnceASecondAndOnlyOnChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(0, 0)
		log := h.Open("t1")
		m := &countedMetrics{}
		p := newPulse(h, slog.New(slog.DiscardHandler))
		p.metrics = m
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); p.run(ctx) }()
		published := func() int64 { batch, _ := log.Since(hub.Cursor{}); return versionOf(batch) }

		change := []apier.Commit{{Tenant: "t1", Changes: make([]apier.Change, 1)}, {Tenant: "unwatched", Changes: make([]apier.Change, 1)}}
		p.committed(change)
		synctest.Wait()
		if published() != 1 {
			t.Errorf("the first change is published at once: %d", published())
		}
		for range 50 { // five seconds of ten changes each
			p.committed(change)
			time.Sleep(100 * time.Millisecond)
		}
		if n := published(); n < 5 || n > 6 {
			t.Errorf("five busy seconds published %d times", n-1)
		}
		time.Sleep(time.Second)
		quiet := published()
		time.Sleep(time.Minute)
		if published() != quiet {
			t.Error("published without a change")
		}
		p.committed([]apier.Commit{{Tenant: "t1"}}) // an inbox is ready, most likely
		synctest.Wait()
		if published() != quiet {
			t.Error("published without a change of the counters")
		}
		time.Sleep(time.Second)
		p.committed([]apier.Commit{{Tenant: "t1", CountersChanged: true}}) // as of events that outlive their retention, of which no change tells
		synctest.Wait()
		if published() != quiet+1 {
			t.Error("not published after events have left")
		}
		if m.reads.Load() != published() {
			t.Errorf("counters were read %d times, though only one tenant has readers", m.reads.Load())
		}
		cancel()
		<-ended
	})
}

func versionOf(b hub.Batch) int64 { return int64(b.To.Version) }

func TestRunEndsWithNothingLeft(t *testing.T) {
	t.Parallel()
	s, err := New(t.Context(), Options{Data: t.TempDir(), Listen: "127.0.0.1:0", LogLevel: "error", DrainTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if s.FirstKey == "" {
		t.Error("no first key")
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/api/health": 200, "/api/nothing": 404, "/ws": 426} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.LocalURL()+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, res.StatusCode, want)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if res := get(t, http.HandlerFunc(s.readyz), http.MethodGet, "/readyz"); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("ready after the end: %d", res.StatusCode)
	}
}

// A load balancer learns from /readyz that the server is about to go while it still takes what comes.
func TestReadyzFailsBeforeAnythingElseDoes(t *testing.T) {
	t.Parallel()
	s, err := New(t.Context(), Options{Data: t.TempDir(), Listen: "127.0.0.1:0", LogLevel: "error", ShutdownDelay: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	delayed, over := make(chan time.Duration, 1), make(chan struct{})
	s.sleep = func(d time.Duration) { delayed <- d; <-over } // however busy the machine is, it lasts until all is asked
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	status := func(method, path, body string) int {
		req, err := http.NewRequestWithContext(t.Context(), method, s.LocalURL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.FirstKey)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	if got := status(http.MethodGet, "/readyz", ""); got != 200 {
		t.Fatalf("ready: %d", got)
	}
	stop()
	if d := <-delayed; d != 3*time.Second {
		t.Errorf("it waits %v", d)
	}
	if ready, posted := status(http.MethodGet, "/readyz", ""), status(http.MethodPost, "/api/events", `{"type":"a.b","source":"s","payload":{}}`); ready != 503 || posted != 201 {
		t.Errorf("/readyz gives %d, a POST %d", ready, posted)
	}
	close(over)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Limits of 0, as in the zero Options, are no reason to take memory for everything that might ever come.
//
//nolint:paralleltest // it counts what the process allocates
func TestAServerWithoutLimitsStartsSmall(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, err := New(t.Context(), Options{Data: t.TempDir(), Listen: "127.0.0.1:0", LogLevel: "error"})
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	s.close()
	if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
		t.Errorf("a server allocates %d MiB at its start", took>>20)
	}
}

func TestOptionsNameTheSettingThatCannotWork(t *testing.T) {
	t.Parallel()
	for flag, o := range map[string]Options{
		"--write-queue must be at most 1000000, not 1000001": {WriteQueue: 1_000_001},
		"--write-queue must be 0 or more, not -1":            {WriteQueue: -1},
		"--disk-budget must be 0 or at least":                {DiskBudget: 1},
		"--retention-events must be 0 or more, not -1h0m0s":  {RetentionEvents: -time.Hour},
		"--drain-timeout must be 0 or more, not -1s":         {DrainTimeout: -time.Second},
		"--requests-per-second must be 0 or more, not -1":    {RequestsPerSecond: -1},
		"--messages-per-second must be 0 or more, not NaN":   {MessagesPerSecond: math.NaN()},
	} {
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("got %v, want %q in it", err, flag)
		}
	}
}

// docs/operating.md promises it of each retention.
func TestARetentionOfZeroKeepsForEver(t *testing.T) {
	t.Parallel()
	s := &Server{opt: Options{IdempotencyRetention: time.Hour}}
	o := s.storeOptions(&fanout{server: s})
	if o.TombstoneRetention < 24*365*50*time.Hour || o.IdempotencyRetention != time.Hour {
		t.Errorf("tombstones %v, keys %v", o.TombstoneRetention, o.IdempotencyRetention)
	}
}

// A disk that was full at the first start leaves files cut short. A secret of no bytes is one that everybody knows.
func TestFilesThatWereCutAreRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"secret": "", "api-key": "\n", "apier.db": "this is no database, however one looks at it"} {
		data := t.TempDir()
		if err := os.WriteFile(filepath.Join(data, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := New(t.Context(), Options{Data: data, Listen: "127.0.0.1:0", LogLevel: "error"})
		if err == nil {
			s.close()
		}
		if err == nil || !strings.Contains(err.Error(), filepath.Join(data, name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNewFailsWhole(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	if _, err := New(t.Context(), Options{Data: data, Listen: "256.0.0.1:0"}); err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("got %v", err)
	}
	s, err := New(t.Context(), Options{Data: data, Listen: "127.0.0.1:0", LogLevel: "error"}) // nothing holds the directory
	if err != nil {
		t.Fatal(err)
	}
	s.close()
}
