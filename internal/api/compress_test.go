package api

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func unzipped(t *testing.T, r reply) []byte {
	t.Helper()
	if r.header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("not compressed: %d %v", r.status, r.header)
	}
	z, err := gzip.NewReader(bytes.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// B9, E4: what is read is compressed where the client takes it, and says how long it is.
func TestAnswersAreCompressedOnRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	payload := `{"text":"` + strings.Repeat("the same again ", 400) + `"}`
	for range 50 {
		w.create(t, "a.b", "s", payload)
	}
	for _, path := range []string{
		"/api/events?limit=50", "/api/openapi.json", "/api/docs", "/api/events/export",
		"/api/events/export?format=ndjson", "/api/events/export?format=csv", "/api/metrics/throughput?range=1h",
	} {
		plain := w.do(t, "GET", path, "", "Accept-Encoding", "identity")
		short := w.do(t, "GET", path, "", "Accept-Encoding", "br, gzip;q=0.8")
		if plain.header.Get("Content-Encoding") != "" || !strings.Contains(plain.header.Get("Vary"), "Accept-Encoding") {
			t.Errorf("%s, plain: %v", path, plain.header)
		}
		if plain.status != 200 || !bytes.Equal(unzipped(t, short), plain.body) {
			t.Errorf("%s: %d, another text", path, plain.status)
		}
		if short.header.Get("Content-Type") != plain.header.Get("Content-Type") || !strings.Contains(short.header.Get("Vary"), "Accept-Encoding") {
			t.Errorf("%s: %v", path, short.header)
		}
		if 4*len(short.body) > len(plain.body) {
			t.Errorf("%s: %d bytes of %d", path, len(short.body), len(plain.body))
		}
		if n := short.header.Get("Content-Length"); n != strconv.Itoa(len(short.body)) && !strings.Contains(path, "export") {
			t.Errorf("%s: Content-Length %s of %d", path, n, len(short.body))
		}
	}
}

// A tiny answer gains nothing, and what holds a token tells nothing by its length.
func TestSomeAnswersAreNotCompressed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	for _, r := range []reply{
		w.do(t, "GET", "/api/health", "", "Accept-Encoding", "gzip"),
		w.do(t, "GET", "/api/events?limit=1", "", "Accept-Encoding", "gzip"),
		w.do(t, "GET", "/api/events/export", "", "Accept-Encoding", "gzip"),
		w.do(t, "POST", "/api/events/batch", strings.Repeat(good+"\n", 100), "Accept-Encoding", "gzip"),
	} {
		if r.status >= 300 || r.header.Get("Content-Encoding") != "" {
			t.Errorf("%d %v", r.status, r.header)
		}
	}
}

// heldPages is a store whose pages after the first come when it is released.
type heldPages struct {
	store.Store
	released chan struct{}
}

func (s heldPages) List(ctx context.Context, tenant apier.TenantID, filter store.Filter) (store.Page, error) {
	if filter.StartingAfter != "" {
		<-s.released
	}
	return s.Store.List(ctx, tenant, filter)
}

// A compressed export is read page by page: the first page comes while the second is still held back.
func TestACompressedExportIsStreamed(t *testing.T) {
	t.Parallel()
	held := heldPages{released: make(chan struct{})}
	w := newWorld(t, worldOptions{wrap: func(s store.Store) store.Store { held.Store = s; return held }})
	w.do(t, "POST", "/api/events/batch", strings.Repeat(good+"\n", exportPage+50)).want(t, 201, nil)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/api/events/export?format=ndjson", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.key)
	r.Header.Set("Accept-Encoding", "gzip")
	answer, err := w.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	z, err := gzip.NewReader(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	for n := range exportPage {
		if !lines.Scan() {
			t.Fatalf("line %d: %v", n, lines.Err())
		}
	}
	close(held.released)
	rest := 0
	for lines.Scan() {
		rest++
	}
	if rest != 50 || lines.Err() != nil {
		t.Errorf("then %d lines, %v", rest, lines.Err())
	}
}
