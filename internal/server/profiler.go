package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/problem"
)

// profiler serves Go's profiles on an address of their own (--profiler-listen), never on that of the API: whoever
// reaches it needs no key.
type profiler struct {
	http     *http.Server
	listener net.Listener
}

func listenProfiler(ctx context.Context, addr string) (*profiler, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s (--profiler-listen): %w", addr, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index) // with heap, goroutine, block …
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	return &profiler{http: &http.Server{Handler: localNamesOnly(mux), ReadHeaderTimeout: 10 * time.Second}, listener: l}, nil
}

// localNamesOnly refuses a request that names a foreign host. It comes from a page in a browser on this machine whose own
// name was made to resolve here (DNS rebinding).
func localNamesOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocalName(r.Host) {
			problem.Write(w, apier.Errorf(apier.CodeForbidden, "The profiler answers to an address or to localhost, and to no other name."), 0)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// run serves until ctx ends.
func (p *profiler) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { _ = p.http.Close() })
	defer stop()
	_ = p.http.Serve(p.listener) // ends with Close
}
