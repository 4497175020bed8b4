package server

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

const noncePlaceholder = "__CSP_NONCE__" // Vite puts it into index.html

// newDashboard serves the built dashboard: files as they are, and index.html for every other path, since
// the pages have their routes in the browser.
func newDashboard(dist fs.FS) http.Handler {
	index, err := fs.ReadFile(dist, "index.html")
	if err != nil {
		return http.HandlerFunc(notBuilt)
	}
	files := http.FileServerFS(dist)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
		if path.Ext(name) == "" || name == "index.html" {
			serveIndex(w, r, index)
			return
		}
		secureHeaders(w.Header())
		if strings.HasPrefix(name, "assets/") { // their names change with their content
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		files.ServeHTTP(w, r)
	})
}

func serveIndex(w http.ResponseWriter, r *http.Request, index []byte) {
	raw := make([]byte, 18)
	_, _ = rand.Read(raw) // never fails: crypto/rand
	nonce := base64.StdEncoding.EncodeToString(raw)
	h := w.Header()
	secureHeaders(h)
	h.Set("Content-Security-Policy", contentSecurityPolicy(nonce, r.Host))
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
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
