package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// FAULTS D10: a program that comes to a wrong path is told where to go, and never gets the dashboard's HTML.
func TestAProgramNeverGetsAPage(t *testing.T) {
	t.Parallel()
	h := newDashboard(fstest.MapFS{"index.html": {Data: []byte(`<!doctype html>`)}})
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	for name, tc := range map[string]struct {
		path, accept, upgrade string
		status                int
		html                  bool
		hint                  string
	}{
		"a browser":                   {"/events", browser, "", 200, true, ""},
		"curl on a page":              {"/", "*/*", "", 200, true, ""},
		"a browser on no page":        {"/nothing", browser, "", 404, true, ""},
		"a monitor":                   {"/health", "*/*", "", 404, false, "/healthz"},
		"a monitor without Accept":    {"/status", "", "", 404, false, "/healthz"},
		"JSON on a page":              {"/events", "application/json", "", 404, false, "/api"},
		"JSON on no page":             {"/v1/events", "application/json", "", 404, false, "/api"},
		"a WebSocket on a page":       {"/events", "", "websocket", 404, false, "/ws"},
		"a WebSocket at the root":     {"/", "", "websocket", 404, false, "/ws"},
		"a WebSocket of a gateway":    {"/production", "", "websocket", 404, false, "/ws"},
		"a WebSocket with a slash":    {"/ws/", "", "WebSocket", 404, false, "/ws"},
		"a browser's WebSocket":       {"/ws/", browser, "h2c, websocket", 404, false, "/ws"},
		"the WebSocket's path, GET":   {"/ws/", "*/*", "", 404, false, "/ws"},
		"JSON and HTML, as fetch may": {"/events", "application/json, text/html", "", 200, true, ""},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, tc.path, http.NoBody)
		if tc.accept != "" {
			r.Header.Set("Accept", tc.accept)
		}
		if tc.upgrade != "" {
			r.Header.Set("Upgrade", tc.upgrade)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		body, _ := io.ReadAll(w.Body)
		html := strings.HasPrefix(w.Header().Get("Content-Type"), "text/html")
		if w.Code != tc.status || html != tc.html || !strings.Contains(string(body), tc.hint) {
			t.Errorf("%s: %d %s %s", name, w.Code, w.Header().Get("Content-Type"), body)
		}
	}
}

// The server knows the dashboard's pages, so that every other path is not found.
func TestTheServerKnowsTheDashboardsPages(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../frontend/src/App.tsx")
	if err != nil {
		t.Fatal(err)
	}
	routes := regexp.MustCompile(`<Route path="/([^"/]*)`).FindAllStringSubmatch(string(source), -1)
	if len(routes) == 0 {
		t.Fatal("no route was found in App.tsx")
	}
	for _, route := range routes {
		if !slices.Contains(pages(), route[1]) {
			t.Errorf("the page /%s is not among those of the server", route[1])
		}
	}
}

// FAULTS G20e: the profiler answers to nobody who was led here by a name of his own.
func TestTheProfilerRefusesAForeignHost(t *testing.T) {
	t.Parallel()
	h := localNamesOnly(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	for host, want := range map[string]int{"127.0.0.1:6060": 200, "localhost:6060": 200, "[::1]:6060": 200, "evil.example:6060": 403, "localhost.evil.example": 403} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/debug/pprof/", http.NoBody)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: got %d, want %d", host, w.Code, want)
		}
	}
}
