package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/apier/apier/internal/store"
)

// storageTimeout is how long a scrape waits for the store's writer, which tells.
const storageTimeout = 2 * time.Second

// storage collects what the database takes on disk and what has left it.
type storage struct {
	store store.Retention
	log   *slog.Logger
}

type storageFigure struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(store.Space) float64
}

func storageFigures() []storageFigure {
	figure := func(name, help string, kind prometheus.ValueType, value func(store.Space) float64) storageFigure {
		return storageFigure{prometheus.NewDesc(name, help, nil, nil), kind, value}
	}
	return []storageFigure{
		figure("apier_storage_used_bytes", "Pages of the database with content: what --disk-budget is for.", prometheus.GaugeValue, func(s store.Space) float64 { return float64(s.Used) }),
		figure("apier_storage_file_bytes", "The database's main file.", prometheus.GaugeValue, func(s store.Space) float64 { return float64(s.File) }),
		figure("apier_storage_budget_bytes", "--disk-budget; 0: none.", prometheus.GaugeValue, func(s store.Space) float64 { return float64(s.Budget) }),
		figure("apier_storage_full", "1: the budget is reached and nothing may go, new events are refused.", prometheus.GaugeValue, func(s store.Space) float64 {
			if s.Full {
				return 1
			}
			return 0
		}),
		figure("apier_events_expired_total", "Events that outlived their retention.", prometheus.CounterValue, func(s store.Space) float64 { return float64(s.Expired) }),
		figure("apier_events_trimmed_total", "Events that made room under the budget.", prometheus.CounterValue, func(s store.Space) float64 { return float64(s.Trimmed) }),
		figure("apier_events_erased_total", "Events whose payload was erased.", prometheus.CounterValue, func(s store.Space) float64 { return float64(s.Erased) }),
		figure("apier_write_queue", "Writes waiting for the database; --write-queue bounds them.", prometheus.GaugeValue, func(s store.Space) float64 { return float64(s.Queued) }),
		figure("apier_write_queue_refused_total", "Writes refused because the queue was full (--write-queue).", prometheus.CounterValue, func(s store.Space) float64 { return float64(s.RefusedFull) }),
		figure("apier_write_queue_tenant_refused_total", "Writes refused because one tenant had too many waiting (--write-queue-per-tenant).", prometheus.CounterValue, func(s store.Space) float64 { return float64(s.RefusedShare) }),
	}
}

// Describe implements prometheus.Collector.
func (s storage) Describe(descs chan<- *prometheus.Desc) {
	for _, f := range storageFigures() {
		descs <- f.desc
	}
}

// Collect implements prometheus.Collector. A store that does not answer leaves a gap.
func (s storage) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout) // a collector is given none
	defer cancel()
	space, err := s.store.Space(ctx)
	if err != nil {
		s.log.Warn("the store does not tell its size", "cause", err)
		return
	}
	for _, f := range storageFigures() {
		metrics <- prometheus.MustNewConstMetric(f.desc, f.kind, f.value(space))
	}
}
