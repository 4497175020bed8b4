package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/store/sqlite"
)

// G20c: no number that a tenant is shown moves by what another does, and its next seqs follow on its own.
func TestATenantIsToldNothingOfOthers(t *testing.T) {
	t.Parallel()
	s, stop := start(t, Options{Data: t.TempDir(), AllowPrivateEndpoints: true})
	t.Cleanup(stop)
	quiet, loud := keyOf(t, s, "quiet"), keyOf(t, s, "loud")
	mine := work(t, s, quiet, 3)
	own := connect(t, s, quiet, "&channels=events")
	before := everyNumber(t, s, quiet, mine)
	if len(before) < 40 {
		t.Fatalf("only %d numbers are seen: %v", len(before), before)
	}

	work(t, s, loud, 1000)
	for range 3 {
		call(t, s, "/api/endpoints", loud, `{"url":"http://127.0.0.1:9/x"}`, &struct{}{})
		connect(t, s, loud, "&channels=events")
	}
	after := everyNumber(t, s, quiet, mine)
	for path, value := range before {
		if after[path] != value {
			t.Errorf("%s was %s, is %s", path, value, after[path])
		}
	}
	for path := range after {
		if _, known := before[path]; !known {
			t.Errorf("%s is %s, and was not there", path, after[path])
		}
	}
	again := connect(t, s, quiet, "")
	if again.data.Seq != own.data.Seq {
		t.Errorf("the session begins at %d, before at %d", again.data.Seq, own.data.Seq)
	}
	var made struct{ Seq apier.Seq }
	call(t, s, "/api/events", quiet, `{"type":"order.created","source":"shop","payload":{}}`, &made)
	if made.Seq != own.data.Seq+1 {
		t.Errorf("the next event has seq %d, want %d", made.Seq, own.data.Seq+1)
	}
	if status, _ := read(t, s, loud, "/api/metrics/storage"); status != http.StatusForbidden {
		t.Errorf("what the database takes of all tenants is shown: %d", status)
	}
	if status, _ := read(t, s, s.FirstKey, "/api/metrics/storage"); status != http.StatusOK {
		t.Errorf("an operator is refused: %d", status)
	}
}

func keyOf(t *testing.T, s *Server, tenant apier.TenantID) string {
	t.Helper()
	key := auth.GenerateKey()
	if _, err := s.store.CreateKey(t.Context(), tenant, auth.Describe(key, "test", auth.AllScopes())); err != nil {
		t.Fatal(err)
	}
	return key
}

// work has a tenant do something of each kind. Its endpoint is paused, so that nothing of its own goes on by itself.
func work(t *testing.T, s *Server, key string, events int) (paths []string) {
	t.Helper()
	var endpoint, operation struct{ ID string }
	call(t, s, "/api/events/batch", key, "["+strings.Repeat(`{"type":"order.created","source":"shop","payload":{}},`, events-1)+
		`{"type":"order.created","source":"shop","payload":{}}]`, &struct{}{})
	read(t, s, key, "/api/inbox?group=g&lease_seconds=600&limit=2")
	var leased []struct{ ID string }
	if status, body := read(t, s, key, "/api/inbox?lease_seconds=600&limit=1"); status != http.StatusOK || json.Unmarshal([]byte(body), &leased) != nil || len(leased) != 1 {
		t.Fatalf("%d %s", status, body)
	}
	event := leased[0].ID
	call(t, s, "/api/inbox/"+event+"/ack", key, `{}`, &struct{}{})
	call(t, s, "/api/endpoints", key, `{"url":"http://127.0.0.1:9/x","types":["never.*"]}`, &endpoint)
	call(t, s, "/api/events/erase", key, `{"types":["nothing.*"]}`, &struct{}{})
	call(t, s, "/api/operations", key, `{"kind":"acknowledge","selection":{"types":["nothing.*"]}}`, &operation)
	if err := s.store.(*sqlite.Store).Housekeep(t.Context()); err != nil { // which does the erasure
		t.Fatal(err)
	}
	eventually(t, "the operation is done", func() bool {
		_, body := read(t, s, key, "/api/operations/"+operation.ID)
		return strings.Contains(body, `"status":"done"`)
	})
	return []string{
		"/api/events?limit=100", "/api/events/" + event, "/api/endpoints", "/api/endpoints/" + endpoint.ID, "/api/endpoints/health",
		"/api/endpoints/" + endpoint.ID + "/deliveries", "/api/inbox", "/api/inbox?after=0&limit=100", "/api/inbox/groups", "/api/operations",
		"/api/erasures", "/api/metrics/summary", "/api/metrics/latency", "/api/metrics/errors", "/api/connections", "/api/webhooks/logs",
		"/api/identity", "/api/config",
	}
}

func read(t *testing.T, s *Server, key, path string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.LocalURL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := oneRequest().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// everyNumber returns the numbers in the answers to a tenant, by path and place.
func everyNumber(t *testing.T, s *Server, key string, paths []string) map[string]string {
	t.Helper()
	numbers := map[string]string{}
	for _, path := range paths {
		status, body := read(t, s, key, path)
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, status, body)
		}
		d := json.NewDecoder(strings.NewReader(body))
		d.UseNumber()
		var all any
		if err := d.Decode(&all); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		collect(path, all, numbers)
	}
	return numbers
}

func collect(at string, value any, numbers map[string]string) {
	switch value := value.(type) {
	case map[string]any:
		for name, field := range value {
			if name != "rtt_ms" && name != "sent_bytes" && name != "sent_frames" { // by the pings of one's own connection
				collect(at+" "+name, field, numbers)
			}
		}
	case []any:
		for i, element := range value {
			collect(fmt.Sprint(at, " ", i), element, numbers)
		}
	case json.Number:
		numbers[at] = value.String()
	}
}
