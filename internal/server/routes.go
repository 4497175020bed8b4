package server

import (
	"errors"
	"net/http"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/api"
	"github.com/apier/apier/internal/problem"
	"github.com/apier/apier/internal/store"
)

// routes is the outermost table; the API's own is in package api.
func (s *Server) routes(rest, dashboard http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/", rest)
	mux.Handle("/api", rest)
	mux.Handle("GET /ws", s.gateway)
	mux.Handle("GET /metrics", s.metrics())
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("/", getOnly(dashboard))
	return s.guard(withoutRedirects(mux))
}

// withoutRedirects refuses a path that the mux would send elsewhere, such as //api/events: what is there is at another
// address, or nowhere.
func withoutRedirects(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !api.IsClean(r.URL.Path) {
			problem.Write(w, apier.Errorf(apier.CodeNotFound, "There is nothing at this address: a part of its path is empty, \".\" or \"..\"."), 0)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// guard logs requests without their query, which may hold a token, and turns a panic into a 500.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			failure := recover()
			if failure == nil {
				return
			}
			if failure == http.ErrAbortHandler { //nolint:errorlint // a panic value, compared as net/http does
				panic(failure)
			}
			s.log.Error("a handler failed; this is a bug", "method", r.Method, "path", r.URL.Path, "cause", failure)
			problem.Write(w, apier.AsError(nil), 0)
		}()
		if refuseSpare(w, r) {
			return
		}
		s.log.Debug("request", "method", r.Method, "path", r.URL.Path, "addr", r.RemoteAddr)
		if r.URL.Path == "/ws" { // whose writes have deadlines of their own
			next.ServeHTTP(w, r)
			return
		}
		withProgress(w, r, s.opt.writeTimeout(), next.ServeHTTP)
	})
}

// healthz says that the process lives.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte("ok\n"))
}

// readyz says that requests may be sent here: the store answers, and no shutdown has begun. Where reads work and writes
// do not, it fails and says so; with ?for=reads it is asked for reads alone.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if s.notReady.Load() {
		problem.Write(w, apier.Errorf(apier.CodeUnavailable, "The server is shutting down."), 0)
		return
	}
	err := s.store.Ping(r.Context())
	var writes *store.WritesFailError
	switch {
	case err == nil:
		_, _ = w.Write([]byte("ready\n"))
	case !errors.As(err, &writes):
		s.log.Error("not ready: the database does not answer", "cause", err)
		problem.Write(w, apier.Errorf(apier.CodeUnavailable, "The database does not answer. The server's log has the cause."), 0)
	case r.URL.Query().Get("for") == "reads":
		_, _ = w.Write([]byte("ready: reads\nnot ready: writes\n"))
	default:
		s.log.Error("not ready: reads work, writes do not", "cause", err)
		problem.Write(w, apier.Errorf(apier.CodeUnavailable, "Reads work, writes do not: the disk is full, or cannot be written. "+
			"The server's log has the cause. It is ready again as soon as there is room; /readyz?for=reads asks for reads alone."), 0)
	}
}

func getOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			problem.Write(w, apier.Errorf(apier.CodeMethodNotAllowed, "Pages can only be read. The API is below /api."), 0)
			return
		}
		next.ServeHTTP(w, r)
	})
}
