package server

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/delivery"
	"github.com/apier/apier/internal/problem"
)

// figures are the metrics that belong to no package alone.
type figures struct {
	registry *prometheus.Registry
	changes  *prometheus.CounterVec
	attempts *prometheus.CounterVec
	duration prometheus.Histogram
	waited   prometheus.Histogram
}

func newFigures() *figures {
	seconds := []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	f := &figures{
		registry: prometheus.NewRegistry(),
		changes:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "apier_changes_total", Help: "Committed changes, by kind."}, []string{"kind"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "apier_delivery_attempts_total", Help: "Webhook attempts, by outcome: ok or the kind of failure; internal is a fault of this server."}, []string{"outcome"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "apier_delivery_attempt_seconds", Help: "Duration of webhook attempts.", Buckets: seconds}),
		waited:   prometheus.NewHistogram(prometheus.HistogramOpts{Name: "apier_delivery_wait_seconds", Help: "From when an attempt was due to its start.", Buckets: seconds}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "apier_build_info", Help: "1, with the version.", ConstLabels: prometheus.Labels{"version": Version}})
	build.Set(1)
	f.registry.MustRegister(f.changes, f.attempts, f.duration, f.waited, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return f
}

func (f *figures) committed(commits []apier.Commit) {
	for i := range commits {
		for j := range commits[i].Changes {
			f.changes.WithLabelValues(kindWord(commits[i].Changes[j].Kind)).Inc()
		}
	}
}

func kindWord(k apier.ChangeKind) string {
	switch k {
	case apier.Created:
		return "event_created"
	case apier.Updated:
		return "event_updated"
	case apier.Deleted:
		return "event_deleted"
	case apier.DeliveryChanged:
		return "delivery"
	case apier.EndpointChanged:
		return "endpoint"
	case apier.WebhookReceived:
		return "webhook"
	default:
		return "other"
	}
}

func (f *figures) attempted(o delivery.Outcome) {
	outcome := string(o.Kind)
	if outcome == "" {
		outcome = "ok"
	}
	f.attempts.WithLabelValues(outcome).Inc()
	f.duration.Observe(o.Duration.Seconds())
	f.waited.Observe(max(o.Waited, 0).Seconds())
}

// metrics serves GET /metrics to this machine, and to others with the credential of an operator: it tells nothing of a
// tenant, but how busy all of them are together is no tenant's business.
func (s *Server) metrics() http.Handler {
	inner := promhttp.HandlerFor(s.figures.registry, promhttp.HandlerOpts{})
	proxies, _ := parsePrefixes(s.opt.TrustedProxies) // validated before
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocal(r, proxies) {
			if e := s.operatorProblem(r); e != nil {
				problem.Write(w, e, 0)
				return
			}
		}
		inner.ServeHTTP(w, r)
	})
}

// isLocal reports whether a request comes from this machine, and from nobody behind a proxy on it, nor from a page in
// a browser on it whose own name was made to resolve here (DNS rebinding): such a request names that host. A proxy may
// name neither whom it asks for nor the host: what comes from the address of a trusted one is never of this machine.
func isLocal(r *http.Request, proxies []netip.Prefix) bool {
	if !isLocalName(r.Host) {
		return false
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" {
		return false
	}
	addr, err := netip.ParseAddr(host)
	addr = addr.Unmap()
	return err == nil && addr.IsLoopback() && !slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

func isLocalName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || strings.EqualFold(host, "localhost")
}

func (s *Server) operatorProblem(r *http.Request) *apier.Error {
	scheme, credential, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return apier.Errorf(apier.CodeUnauthorized, "From another machine, from the address of a trusted proxy, or by a name other than localhost, /metrics needs Authorization: Bearer with an API key of the scope admin.")
	}
	id, err := s.auth.Credential(r.Context(), strings.TrimSpace(credential))
	if err != nil {
		return apier.AsError(err)
	}
	switch {
	case !id.Can(auth.ScopeAdmin):
		return apier.Errorf(apier.CodeForbidden, "The credential lacks the scope %s.", auth.ScopeAdmin)
	case id.Tenant != auth.DefaultTenant || id.Channels != nil: // as GET /api/metrics/storage
		return apier.Errorf(apier.CodeForbidden, "/metrics tells of all tenants together: it is for admins of the tenant %q, who operate the server, with a credential without channels.", auth.DefaultTenant)
	}
	return nil
}
