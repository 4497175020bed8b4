package server

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// D13: no path is redirected to another route.
func TestNoPathIsRedirected(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	handler := withoutRedirects(mux)
	for path, want := range map[string]int{
		"/": 204, "/events": 204, "/api/events/": 204, "/assets/a.b.js": 204, "/...": 204,
		"//": 404, "//ws": 404, "/x/../metrics": 404, "/./healthz": 404, "/api//events": 404, "/a/..": 404, "/%2e%2e/ws": 404, "/a%2F%2Fb": 404,
	} {
		answer := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost"+path, nil)
		if handler.ServeHTTP(answer, r); answer.Code != want {
			t.Errorf("%s: got %d, want %d", path, answer.Code, want)
		}
	}
}
