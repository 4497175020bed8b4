package server

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/apier/apier/internal/api"
	"github.com/apier/apier/internal/store"
)

// pressure collects where requests are held back: full groups, requests that wait for events, reads that wait for
// their share.
type pressure struct {
	store    store.Store
	notifier *api.InboxNotifier

	full, waiting, refused, reading, queued *prometheus.Desc
}

func newPressure(s store.Store, n *api.InboxNotifier) *pressure {
	figure := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }
	return &pressure{
		store: s, notifier: n,
		full:    figure("apier_inbox_groups_full", "Groups, inboxes among them, with as many open events as --inbox-open: they hand out only what is due again."),
		waiting: figure("apier_inbox_waiting_requests", "Requests that wait for events (wait_seconds); --inbox-max-waiting bounds them."),
		refused: figure("apier_inbox_waiting_refused_total", "Requests that were refused because too many wait, in all or of their tenant."),
		reading: figure("apier_reads", "Reads of the database under way for tenants."),
		queued:  figure("apier_reads_waiting", "Reads that wait for their tenant's share of the readers; --read-timeout bounds the wait."),
	}
}

// Describe implements prometheus.Collector.
func (p *pressure) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{p.full, p.waiting, p.refused, p.reading, p.queued} {
		descs <- d
	}
}

// Collect implements prometheus.Collector. A store that does not answer leaves a gap.
func (p *pressure) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, n int) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n))
	}
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout) // a collector is given none
	defer cancel()
	if full, err := p.store.FullGroups(ctx); err == nil {
		gauge(p.full, int(full))
	}
	waiting, refused := p.notifier.Waiting()
	gauge(p.waiting, waiting)
	metrics <- prometheus.MustNewConstMetric(p.refused, prometheus.CounterValue, float64(refused))
	busy, queued := p.store.Readers()
	gauge(p.reading, busy)
	gauge(p.queued, queued)
}
