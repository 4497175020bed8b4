package server

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/apier/apier/internal/memory"
)

// ownFiles is how many files the process has open for itself: the database with its readers, the log, what Go opens.
const ownFiles = 32

// sockets are how many connections of each kind fit into the files that the process may open; 0: there is no limit.
type sockets struct {
	webSockets, http int
}

// shareSockets divides the files that the process may open, 0 meaning that there is no limit. An eighth is kept for
// webhooks, a quarter of the rest is for plain HTTP with its spare connections, and WebSockets have what is left. Where a
// setting asks for more than there is, a warning says so.
func (o Options) shareSockets(files int, log *slog.Logger) sockets {
	s := sockets{webSockets: o.MaxConnections, http: o.MaxHTTPConnections}
	if files == 0 {
		return s
	}
	room := max(files-ownFiles-min(o.DeliveryMaxInFlight, files/8), 16)
	spare := min(spareConnections, room/8)
	s.http = atMost(s.http, max(room/4-spare, 2))
	s.webSockets = atMost(s.webSockets, max(room-s.http-spare, 4))
	if s.webSockets != o.MaxConnections || s.http != o.MaxHTTPConnections {
		log.Warn("this process may open fewer files than --max-connections and --max-http-connections need: raise ulimit -n (LimitNOFILE=), or lower them",
			"files", files, "websockets_at_most", s.webSockets, "http_connections_at_most", s.http)
	}
	return s
}

// atMost bounds a limit, of which 0 means none.
func atMost(limit, bound int) int {
	if limit == 0 || limit > bound {
		return bound
	}
	return limit
}

// writeTimeout is the time without progress that ends an answer.
func (o Options) writeTimeout() time.Duration {
	if o.WriteTimeout == 0 {
		return 30 * time.Second
	}
	return o.WriteTimeout
}

// memoryCollector shows the budget of requests under way.
type memoryCollector struct{ budget *memory.Budget }

func memoryUsedDesc() *prometheus.Desc {
	return prometheus.NewDesc("apier_request_memory_bytes", "Memory of bodies and answers under way, bounded by --memory-budget.", nil, nil)
}

func memoryRefusedDesc() *prometheus.Desc {
	return prometheus.NewDesc("apier_request_memory_refused_total", "Requests refused since that memory, or the share of who sent them, was used up.", nil, nil)
}

// Describe implements prometheus.Collector.
func (c memoryCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- memoryUsedDesc()
	ch <- memoryRefusedDesc()
}

// Collect implements prometheus.Collector.
func (c memoryCollector) Collect(ch chan<- prometheus.Metric) {
	used, refused := c.budget.Usage()
	ch <- prometheus.MustNewConstMetric(memoryUsedDesc(), prometheus.GaugeValue, float64(used))
	ch <- prometheus.MustNewConstMetric(memoryRefusedDesc(), prometheus.CounterValue, float64(refused))
}
