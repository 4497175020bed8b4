package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/store"
)

func TestExportFormats(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	corpus(t, w)
	for format, contentType := range map[string]string{"": "application/json", "json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8"} {
		path, name := "/api/events/export", format
		if format == "" {
			name = "json"
		} else {
			path += "?format=" + format
		}
		h := w.do(t, "GET", path, "").header
		if h.Get("Content-Type") != contentType || h.Get("Content-Disposition") != `attachment; filename="events.`+name+`"` || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%q: %v", format, h)
		}
	}
	var all, failed []eventBody
	w.do(t, "GET", "/api/events/export", "").want(t, 200, &all)
	w.do(t, "GET", "/api/events/export?status=failed&type=invoice.*", "").want(t, 200, &failed)
	if len(all) != 4 || len(failed) != 1 || failed[0].Type != "invoice.sent" {
		t.Errorf("%d and %d events", len(all), len(failed))
	}
}

func TestExportOfNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	for format, want := range map[string]string{"json": "[]\n", "ndjson": ""} {
		if got := w.do(t, "GET", "/api/events/export?format="+format, ""); string(got.body) != want {
			t.Errorf("%s: %q", format, got.body)
		}
	}
	if got := w.do(t, "GET", "/api/events/export?format=csv", ""); bytes.Count(got.body, []byte("\n")) != 1 {
		t.Errorf("csv: %q", got.body)
	}
}

func TestExportOfManyPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	const n = 1200
	for from := 0; from < n; from += 600 {
		var batch strings.Builder
		for i := from; i < from+600; i++ {
			batch.WriteString(`{"type":"a.b","source":"s","payload":{"i": ` + strconv.Itoa(i) + "}}\n")
		}
		w.do(t, "POST", "/api/events/batch", batch.String()).want(t, 201, nil)
	}
	check := func(format string, payloads []string) {
		t.Helper()
		if len(payloads) != n {
			t.Fatalf("%s: %d events", format, len(payloads))
		}
		for i, p := range payloads {
			if want := `{"i": ` + strconv.Itoa(n-1-i) + `}`; p != want {
				t.Fatalf("%s: event %d is %s, want %s", format, i, p, want)
			}
		}
	}
	var events []eventBody
	w.do(t, "GET", "/api/events/export", "").want(t, 200, &events)
	var payloads []string
	for _, e := range events {
		payloads = append(payloads, string(e.Payload))
	}
	check("json", payloads)
	payloads = nil
	for line := range bytes.Lines(w.do(t, "GET", "/api/events/export?format=ndjson", "").body) {
		var e eventBody
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, string(e.Payload))
	}
	check("ndjson", payloads)
	rows, err := csv.NewReader(bytes.NewReader(w.do(t, "GET", "/api/events/export?format=csv", "").body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	payloads = nil
	for _, row := range rows[1:] {
		payloads = append(payloads, row[len(row)-1])
	}
	check("csv", payloads)
}

func TestExportCSV(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	payload := "{\"text\":\"a, \\\"b\\\"\",\n\"c\":1}"
	r := w.create(t, "-cmd.run", `=HYPERLINK(\"http://x\",\"y\")`, payload)
	w.fail(t, r.ID, "@SUM(1)\nsecond line")
	plain := w.create(t, "order.created", "shop", "{}")
	w.do(t, "POST", "/api/inbox/"+string(plain.ID)+"/ack", "").want(t, 200, nil)
	rows, err := csv.NewReader(bytes.NewReader(w.do(t, "GET", "/api/events/export?format=csv", "").body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := w.clock.Now().Format("2006-01-02T15:04:05.000Z")
	want := [][]string{
		{"id", "type", "source", "status", "created_at", "updated_at", "delivery_attempts", "last_delivery_attempt", "delivery_latency_ms", "error_message", "seq", "payload"},
		{string(plain.ID), "order.created", "shop", "delivered", at, at, "1", at, "0", "", "4", "{}"},
		{string(r.ID), "'-cmd.run", `'=HYPERLINK("http://x","y")`, "failed", at, at, "1", at, "", "'@SUM(1)\nsecond line", "2", payload},
	}
	for i := range want {
		if strings.Join(rows[i], "|") != strings.Join(want[i], "|") {
			t.Errorf("row %d\n%q\nwant\n%q", i, rows[i], want[i])
		}
	}
}

func TestCell(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "shop": "shop", "=1": "'=1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "\nx": "'\nx", "a=1": "a=1", "ü": "ü",
	} {
		if got := cell(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// cutShort is a store whose second page cannot be read.
type cutShort struct{ store.Store }

func (s cutShort) List(ctx context.Context, tenant apier.TenantID, f store.Filter) (store.Page, error) {
	if f.StartingAfter != "" {
		return store.Page{}, errors.New(cause)
	}
	return s.Store.List(ctx, tenant, f)
}

func TestExportCutShortIsSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{wrap: func(s store.Store) store.Store { return cutShort{s} }})
	w.do(t, "POST", "/api/events/batch", strings.Repeat(good+"\n", 600)).want(t, 201, nil)
	for _, format := range []string{"json", "ndjson", "csv"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/api/events/export?format="+format, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+w.key)
		response, err := w.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err == nil || bytes.Contains(body, []byte(cause)) {
			t.Errorf("%s: %d bytes seem whole: %v", format, len(body), err)
		}
	}
	if !strings.Contains(w.log.String(), "export cut short") || !strings.Contains(w.log.String(), cause) {
		t.Errorf("the log does not tell: %s", w.log)
	}
}

// secondPage is a store whose second page of a list never comes.
type secondPage struct {
	store.Store
	begun chan struct{}
}

func (s secondPage) List(ctx context.Context, tenant apier.TenantID, filter store.Filter) (store.Page, error) {
	if filter.StartingAfter == "" {
		return s.Store.List(ctx, tenant, filter)
	}
	close(s.begun)
	<-ctx.Done()
	return store.Page{}, ctx.Err()
}

// G15: an export ends with its key, cut, so that a part is never taken for the whole.
func TestARevokedKeyEndsAnExport(t *testing.T) {
	t.Parallel()
	slow := secondPage{begun: make(chan struct{})}
	w := newWorld(t, worldOptions{wrap: func(s store.Store) store.Store { slow.Store = s; return slow }})
	event := `{"type":"a.b","source":"s","payload":{}}`
	w.do(t, "POST", "/api/events/batch", "["+event+strings.Repeat(","+event, exportPage)+"]").want(t, 201, nil)
	revoked, id := w.newKey(t, auth.DefaultTenant, auth.ScopeRead)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/api/events/export", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+revoked)
	response, err := w.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	<-slow.begun
	if err := w.store.RevokeKey(t.Context(), auth.DefaultTenant, id); err != nil {
		t.Fatal(err)
	}
	w.auth.Recheck(t.Context())
	if _, err := io.ReadAll(response.Body); err == nil {
		t.Error("the export ended as if it were whole")
	}
}
