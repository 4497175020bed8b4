package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/clientaddr"
	"github.com/apier/apier/internal/problem"
)

// Bounds of plain HTTP connections beyond the limit. They are for health checks, and for a readable refusal to others.
// Where there are as many, the oldest makes room for the newest: see makeRoom.
const (
	spareConnections      = 64
	spareConnectionsPerIP = 4
	spareTime             = 5 * time.Second // of such a connection, its one request included
)

// httpLimits bounds the connections of plain HTTP, in all and per address, as the gateway does those of WebSockets.
// Beyond a limit a connection is spare: /healthz, /readyz and /metrics are answered on it, everything else is refused,
// and it ends.
type httpLimits struct {
	max, perIP, ipv6Bits int
	proxies              []netip.Prefix // have no limit of their own: their clients are many
	log                  *slog.Logger

	mu       sync.Mutex
	conns    map[net.Conn]httpConn
	byIP     map[string]int
	spares   []net.Conn // oldest first
	spareIPs map[string]int
	refused  prometheus.Counter
}

type httpConn struct {
	ip    string
	spare bool
}

func newHTTPLimits(o Options, limit int, log *slog.Logger) *httpLimits {
	proxies, _ := parsePrefixes(o.TrustedProxies) // validated before
	l := &httpLimits{
		max: limit, perIP: o.MaxHTTPConnectionsPerIP, ipv6Bits: o.IPv6Prefix, proxies: proxies, log: log,
		conns: map[net.Conn]httpConn{}, byIP: map[string]int{}, spareIPs: map[string]int{},
		refused: prometheus.NewCounter(prometheus.CounterOpts{Name: "apier_http_connections_refused_total", Help: "Connections of plain HTTP beyond a limit (--max-http-connections…)."}),
	}
	if l.max > 0 { // one address leaves half to others
		l.perIP = min(cmp.Or(l.perIP, l.max), max(l.max/2, 1))
	}
	return l
}

// listener admits the connections that l accepts.
func (l *httpLimits) listener(inner net.Listener) net.Listener { return &limitedListener{inner, l} }

type limitedListener struct {
	net.Listener
	limits *httpLimits
}

// Accept returns the next connection, which has a place.
func (l *limitedListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err == nil {
		l.limits.admit(nc)
	} else if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		l.limits.log.Warn("no connection can be accepted: this process has as many files open as it may; raise ulimit -n (LimitNOFILE=), or lower --max-connections and --max-http-connections", "cause", err)
	}
	return nc, err
}

// admit gives a connection a place, or a spare one.
func (l *httpLimits) admit(nc net.Conn) {
	host, _, _ := net.SplitHostPort(nc.RemoteAddr().String())
	c := httpConn{ip: clientaddr.LimitKey(host, l.ipv6Bits)}
	l.mu.Lock()
	defer l.mu.Unlock()
	regular := len(l.conns) - len(l.spares)
	c.spare = l.max > 0 && regular >= l.max || l.perIP > 0 && l.byIP[c.ip] >= l.perIP && !l.isProxy(host)
	if c.spare {
		l.refused.Inc()
		l.makeRoom(c.ip)
		l.log.Warn("http: too many connections; health checks are answered still (--max-http-connections, --max-http-connections-per-ip)",
			"addr", host, "of_address", l.byIP[c.ip], "in_all", regular)
		l.spares = append(l.spares, nc)
		l.spareIPs[c.ip]++
	} else {
		l.byIP[c.ip]++
	}
	l.conns[nc] = c
}

// makeRoom ends the oldest spare connection where there are as many as may be: one of the same address if that has its
// share, else of the address that has most. Whoever holds a spare connection and sends nothing keeps nobody's health
// check out: that needs its connection for one short answer.
func (l *httpLimits) makeRoom(ip string) {
	if l.spareIPs[ip] < spareConnectionsPerIP {
		if len(l.spares) < spareConnections {
			return
		}
		ip = l.mostSpares()
	}
	oldest := l.spares[slices.IndexFunc(l.spares, func(nc net.Conn) bool { return l.conns[nc].ip == ip })]
	l.forget(oldest)
	oldest.Close()
}

// mostSpares returns the address that has most spare connections; of several, that of the oldest.
func (l *httpLimits) mostSpares() (ip string) {
	for _, nc := range l.spares {
		if of := l.conns[nc].ip; l.spareIPs[of] > l.spareIPs[ip] {
			ip = of
		}
	}
	return ip
}

func (l *httpLimits) isProxy(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && slices.ContainsFunc(l.proxies, func(p netip.Prefix) bool { return p.Contains(addr.Unmap()) })
}

// track is http.Server.ConnState: it gives a place back when the connection ends, or becomes a WebSocket.
func (l *httpLimits) track(nc net.Conn, state http.ConnState) {
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(nc)
}

// forget takes the place of a connection back; one that has none had to make room.
func (l *httpLimits) forget(nc net.Conn) {
	c, known := l.conns[nc]
	if !known {
		return
	}
	delete(l.conns, nc)
	if c.spare {
		l.spares = slices.DeleteFunc(l.spares, func(other net.Conn) bool { return other == nc })
		decrease(l.spareIPs, c.ip)
	} else {
		decrease(l.byIP, c.ip)
	}
}

func decrease(counts map[string]int, key string) {
	if counts[key]--; counts[key] == 0 {
		delete(counts, key)
	}
}

type spareKey struct{}

// connContext is http.Server.ConnContext: it marks the requests of a spare connection.
func (l *httpLimits) connContext(ctx context.Context, nc net.Conn) context.Context {
	l.mu.Lock()
	spare := l.conns[nc].spare
	l.mu.Unlock()
	if !spare {
		return ctx
	}
	return context.WithValue(ctx, spareKey{}, true)
}

// refuseSpare answers a request on a spare connection, unless it is a health check. It reports whether it has.
func refuseSpare(w http.ResponseWriter, r *http.Request) bool {
	if r.Context().Value(spareKey{}) == nil {
		return false
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(spareTime))
	w.Header().Set("Connection", "close")
	switch r.URL.Path {
	case "/healthz", "/readyz", "/metrics":
		return false
	}
	problem.Write(w, apier.Errorf(apier.CodeUnavailable, "The server, or your address, has as many connections as it may have (--max-http-connections, --max-http-connections-per-ip). Close idle ones, and try again."), spareTime)
	return true
}

// Describe implements prometheus.Collector.
func (l *httpLimits) Describe(ch chan<- *prometheus.Desc) {
	ch <- httpConnectionsDesc()
	l.refused.Describe(ch)
}

// Collect implements prometheus.Collector.
func (l *httpLimits) Collect(ch chan<- prometheus.Metric) {
	l.mu.Lock()
	n := len(l.conns)
	l.mu.Unlock()
	ch <- prometheus.MustNewConstMetric(httpConnectionsDesc(), prometheus.GaugeValue, float64(n))
	l.refused.Collect(ch)
}

func httpConnectionsDesc() *prometheus.Desc {
	return prometheus.NewDesc("apier_http_connections", "Open connections of plain HTTP.", nil, nil)
}
