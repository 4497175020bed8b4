package server

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/problem"
)

const noncePlaceholder = "__CSP_NONCE__" // Vite puts it into index.html

// pages are the first segments of the dashboard's paths. frontend/src/App.tsx has the routes below them.
func pages() []string { return []string{"", "events", "webhooks"} }

// newDashboard serves the built dashboard: files as they are, and index.html for its pages, which have their routes in
// the browser. A path that is no page is not found. Only a browser gets the page that says so: a program that asked
// for JSON, a health check or a WebSocket is told in a problem where that is.
func newDashboard(dist fs.FS) http.Handler {
	index, err := fs.ReadFile(dist, "index.html")
	if err != nil {
		return http.HandlerFunc(notBuilt)
	}
	assets, err := loadAssets(dist)
	if err != nil {
		return http.HandlerFunc(notBuilt)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
		segment, _, _ := strings.Cut(strings.TrimSuffix(name, "index.html"), "/")
		switch {
		case path.Ext(segment) != "" || path.Ext(name) != "" && segment != "":
		case asksForUpgrade(r) || !takesHTML(r) && (asksForJSON(r) || !slices.Contains(pages(), segment)):
			problem.Write(w, elsewhere(r), 0)
			return
		case !slices.Contains(pages(), segment):
			serveIndex(w, r, index, http.StatusNotFound)
			return
		default:
			serveIndex(w, r, index, http.StatusOK)
			return
		}
		secureHeaders(w.Header())
		file, found := assets[name]
		if !found { // also an asset of another version: that it is gone must not be kept
			w.Header().Set("Cache-Control", "no-store")
			http.NotFound(w, r)
			return
		}
		if strings.HasPrefix(name, "assets/") { // their names change with their content
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		file.serve(w, r)
	})
}

// elsewhere tells a program that came to a page where it wanted to go.
func elsewhere(r *http.Request) *apier.Error {
	hint := "The API is below /api; /api/docs describes it."
	switch lower := strings.ToLower(r.URL.Path); {
	case asksForUpgrade(r):
		hint = "The WebSocket is at /ws."
	case strings.Contains(lower, "health"), strings.Contains(lower, "live"), strings.Contains(lower, "ready"), strings.Contains(lower, "status"):
		hint = "Health checks are /healthz (the process lives) and /readyz (it takes requests)."
	case strings.HasPrefix(lower, "/ws"):
		hint = "The WebSocket is at /ws, without a slash behind it."
	}
	return apier.Errorf(apier.CodeNotFound, "There is nothing for a program at %.100q. %s", r.URL.Path, hint)
}

func asksForUpgrade(r *http.Request) bool {
	return strings.Contains(strings.ToLower(strings.Join(r.Header["Upgrade"], ",")), "websocket")
}

func takesHTML(r *http.Request) bool { return accepts(r, "text/html") }
func asksForJSON(r *http.Request) bool {
	return accepts(r, "application/json") || accepts(r, "application/problem+json")
}

// accepts reports whether a media type is named in Accept. What */* takes is not asked for.
func accepts(r *http.Request, mediaType string) bool {
	return strings.Contains(strings.ToLower(strings.Join(r.Header["Accept"], ",")), mediaType)
}

func serveIndex(w http.ResponseWriter, r *http.Request, index []byte, status int) {
	raw := make([]byte, 18)
	_, _ = rand.Read(raw) // never fails: crypto/rand
	nonce := base64.StdEncoding.EncodeToString(raw)
	h := w.Header()
	secureHeaders(h)
	h.Set("Content-Security-Policy", contentSecurityPolicy(nonce, r.Host))
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept")
	w.WriteHeader(status)
	_, _ = w.Write(bytes.ReplaceAll(index, []byte(noncePlaceholder), []byte(nonce)))
}

func secureHeaders(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// contentSecurityPolicy permits what the page is made of and nothing else. Safari before 15.4 does not
// count ws: to 'self', so the host is named where it can stand in a policy.
func contentSecurityPolicy(nonce, host string) string {
	connect := "'self'"
	if host != "" && !strings.ContainsAny(host, " ;,'\"\t\r\n") {
		connect += " ws://" + host + " wss://" + host
	}
	return "default-src 'none'; script-src 'self' 'nonce-" + nonce + "'; style-src 'self' 'nonce-" + nonce + "'; " +
		"img-src 'self' data:; font-src 'self'; manifest-src 'self'; connect-src " + connect + "; " +
		"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

func notBuilt(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte("This binary was built without the dashboard. Build it with: make build\n"))
}
