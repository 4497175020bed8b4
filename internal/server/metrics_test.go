package server

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/delivery"
)

// nginx names neither the client nor the host unless it is told to.
func TestMetricsAreNotForThoseBehindASilentProxy(t *testing.T) {
	t.Parallel()
	proxies, err := parsePrefixes([]string{"127.0.0.1", "10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	for from, local := range map[string]bool{"127.0.0.1:1": false, "[::ffff:127.0.0.1]:1": false, "127.0.0.2:1": true, "[::1]:1": true, "10.0.0.1:1": false} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody)
		r.RemoteAddr, r.Host = from, "127.0.0.1:8080"
		if isLocal(r, proxies) != local {
			t.Errorf("%s counts as local: %v", from, !local)
		}
	}
}

func TestMetricsAreForThisMachineAndForAdmins(t *testing.T) {
	t.Parallel()
	s, err := New(t.Context(), Options{Data: t.TempDir(), Listen: "127.0.0.1:0", LogLevel: "error"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	s.log = slog.New(slog.DiscardHandler)
	tokenOf := func(tenant apier.TenantID, channels []string, scopes ...string) string {
		signed, _, err := s.auth.IssueFor(auth.Identity{Tenant: tenant, Subject: "x", Scopes: scopes, Channels: channels}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + signed
	}
	token := func(scopes ...string) string { return tokenOf(auth.DefaultTenant, nil, scopes...) }
	if _, err := s.store.Append(t.Context(), auth.DefaultTenant, []apier.NewEvent{{Type: "a.b", Source: "s", Payload: []byte("{}")}}, nil); err != nil {
		t.Fatal(err)
	}
	s.figures.attempted(delivery.Outcome{Kind: apier.ErrorTimeout, Duration: time.Second, Waited: -time.Second})
	for _, c := range []struct {
		from, host, forwarded, credential string
		status                            int
	}{
		{"127.0.0.1:1", "localhost:8080", "", "", 200},
		{"127.0.0.1:1", "127.0.0.1", "", "", 200},
		{"[::1]:1", "[::1]:8080", "", "", 200},
		{"192.0.2.1:1", "localhost:8080", "", "", 401},
		{"127.0.0.1:1", "localhost:8080", "192.0.2.1", "", 401}, // behind a proxy on this machine
		{"127.0.0.1:1", "rebound.example:8080", "", "", 401},    // a page in a browser on this machine
		{"192.0.2.1:1", "events.example", "", "Bearer nonsense", 401},
		{"192.0.2.1:1", "events.example", "", token(auth.ScopeRead, auth.ScopeWrite), 403},
		{"192.0.2.1:1", "events.example", "", token(auth.ScopeAdmin), 200},
		{"192.0.2.1:1", "events.example", "", tokenOf("shop", nil, auth.ScopeAdmin), 403}, // it tells of all tenants together
		{"192.0.2.1:1", "events.example", "", tokenOf(auth.DefaultTenant, []string{"*"}, auth.ScopeAdmin), 403},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody)
		r.RemoteAddr, r.Host = c.from, c.host
		for name, value := range map[string]string{"X-Forwarded-For": c.forwarded, "Authorization": c.credential} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		w := httptest.NewRecorder()
		s.http.Handler.ServeHTTP(w, r)
		body, _ := io.ReadAll(w.Result().Body)
		if w.Code != c.status {
			t.Errorf("%+v: %d %s", c, w.Code, body)
		}
		for _, line := range []string{
			`apier_changes_total{kind="event_created"} 1`, `apier_delivery_attempts_total{outcome="timeout"} 1`, `apier_ws_connections{dialect="v1"} 0`,
			`apier_build_info{version="` + Version + `"} 1`, "go_goroutines", "process_resident_memory_bytes",
			"apier_storage_used_bytes ", "apier_storage_full 0", "apier_events_expired_total 0",
		} {
			if c.status == 200 && !strings.Contains(string(body), line) {
				t.Errorf("no %s in\n%s", line, body)
			}
		}
	}
}
