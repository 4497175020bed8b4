package gateway

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/apier/apier"
)

// stats counts what all connections did, those that are gone included. What a connection has sent is counted by
// itself, under the lock that it holds anyway, and added here at its end.
type stats struct {
	sentFrames, sentBytes         uint64 // of connections that are gone; guarded by Gateway.mu
	receivedFrames, receivedBytes atomic.Uint64

	behind  prometheus.Counter // connections that fell off the log and were brought up to date by the store
	resyncs prometheus.Counter
	closed  *prometheus.CounterVec // by code
	refused *prometheus.CounterVec // by reason
	fanout  prometheus.Histogram
	resumed prometheus.Histogram
}

func newStats() *stats {
	return &stats{
		behind:  prometheus.NewCounter(prometheus.CounterOpts{Name: "apier_ws_conflated_total", Help: "Connections that fell off the live log and got the newest state of what changed instead of each change."}),
		resyncs: prometheus.NewCounter(prometheus.CounterOpts{Name: "apier_ws_resyncs_total", Help: "Connections that were told to fetch their state anew."}),
		closed:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "apier_ws_closed_total", Help: "Connections that ended, by close code; 1006 is an end without one, other is one that clients made up."}, []string{"code"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "apier_ws_refused_total", Help: "Upgrades that were refused, by reason."}, []string{"reason"}),
		fanout: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "apier_ws_fanout_seconds", Help: "From a commit to the write to the last connection of a broadcaster.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}),
		resumed: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "apier_ws_resume_changes", Help: "Changes that a client which came back, or fell behind, was sent from the store.",
			Buckets: []float64{1, 10, 100, 1000, 10_000, 100_000},
		}),
	}
}

func (s *stats) ended(code apier.CloseCode) {
	if code == 0 {
		code = 1006 // RFC 6455, 7.1.5: no close frame
	}
	label := "other"
	if isCounted(code) {
		label = strconv.Itoa(int(code))
	}
	s.closed.WithLabelValues(label).Inc()
}

// isCounted reports whether a code is counted by itself: those of the server and of RFC 6455. A client can make up
// thousands.
func isCounted(code apier.CloseCode) bool {
	switch code {
	case apier.CloseUnauthorized, apier.CloseForbidden, apier.CloseTimeout, apier.CloseTooManyRequests:
		return true
	default:
		return code >= 1000 && code <= 1014
	}
}

// Publish hands on what was committed at a time; the fan-out's clock starts, where there is somebody to write to.
func (g *Gateway) Publish(commits []apier.Commit, at time.Time) {
	since := max(at.Sub(g.began), 1)
	for _, b := range g.shards {
		b.since.CompareAndSwap(0, int64(since))
	}
	if g.hub.Publish(commits) {
		return
	}
	for _, b := range g.shards { // no pass comes for it, and a later one is not to be measured by it
		b.since.CompareAndSwap(int64(since), 0)
	}
}

// observeFanout ends a pass that began with a commit, both as durations since the gateway's own beginning; since 0: no
// commit began it.
func (s *stats) observeFanout(since, now time.Duration) {
	if since != 0 {
		s.fanout.Observe((now - since).Seconds())
	}
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("apier_ws_"+name, help, labels, nil)
}

func connectionsDesc() *prometheus.Desc { return desc("connections", "Open connections.", "dialect") }

func laggingDesc() *prometheus.Desc {
	return desc("lagging_connections", "Connections whose socket is full or that are being brought up to date.")
}
func queueDesc() *prometheus.Desc  { return desc("queue_bytes", "Bytes that wait for sockets.") }
func framesDesc() *prometheus.Desc { return desc("frames_total", "Frames.", "direction") }
func bytesDesc() *prometheus.Desc  { return desc("bytes_total", "Bytes of frames.", "direction") }

func (s *stats) collectors() []prometheus.Collector {
	return []prometheus.Collector{s.behind, s.resyncs, s.closed, s.refused, s.fanout, s.resumed}
}

// Describe implements prometheus.Collector.
func (g *Gateway) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{connectionsDesc(), laggingDesc(), queueDesc(), framesDesc(), bytesDesc()} {
		ch <- d
	}
	for _, c := range g.stats.collectors() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector. It visits each connection once.
func (g *Gateway) Collect(ch chan<- prometheus.Metric) {
	g.mu.Lock()
	conns, frames, bytes := g.snapshotLocked(), g.stats.sentFrames, g.stats.sentBytes
	g.mu.Unlock()
	dialects := map[string]int{"plain": 0, "v1": 0}
	lagging, queued := 0, 0
	for _, c := range conns {
		c.mu.Lock()
		frames, bytes, queued = frames+c.sentFrames, bytes+c.sentBytes, queued+c.queueBytes()
		if c.writing {
			lagging++
		}
		c.mu.Unlock()
		dialects[c.dialect()]++
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	for dialect, n := range dialects {
		gauge(connectionsDesc(), float64(n), dialect)
	}
	gauge(laggingDesc(), float64(lagging))
	gauge(queueDesc(), float64(queued))
	counter(framesDesc(), frames, "sent")
	counter(framesDesc(), g.stats.receivedFrames.Load(), "received")
	counter(bytesDesc(), bytes, "sent")
	counter(bytesDesc(), g.stats.receivedBytes.Load(), "received")
	for _, m := range g.stats.collectors() {
		m.Collect(ch)
	}
}

func (c *conn) dialect() string {
	if c.v1 {
		return "v1"
	}
	return "plain"
}

// queueBytes counts what waits for the socket. Called with mu held.
func (c *conn) queueBytes() (n int) {
	for _, b := range c.pending {
		n += len(b)
	}
	return n
}
