package server

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/hub"
	"github.com/apier/apier/internal/store"
)

// pulseEvery is how often the metrics of a tenant are published at most.
const pulseEvery = time.Second

// pulse publishes metrics_update: for tenants with readers, after changes, at most once a second each.
type pulse struct {
	hub     *hub.Hub
	metrics store.Metrics
	log     *slog.Logger
	woken   chan struct{}

	mu    sync.Mutex
	dirty map[apier.TenantID]struct{}
}

func newPulse(h *hub.Hub, log *slog.Logger) *pulse {
	return &pulse{hub: h, log: log, woken: make(chan struct{}, 1), dirty: map[apier.TenantID]struct{}{}}
}

// committed marks the tenants whose counters may have changed. It runs on the store's writer and only takes a note.
func (p *pulse) committed(commits []apier.Commit) {
	if !p.note(commits) {
		return
	}
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

func (p *pulse) note(commits []apier.Commit) (noted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range commits {
		if c := &commits[i]; len(c.Changes) > 0 || c.CountersChanged {
			p.dirty[c.Tenant], noted = struct{}{}, true
		}
	}
	return noted
}

// run publishes at once after a pause and then once a second for as long as there are changes.
func (p *pulse) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.woken:
		}
		for tenant := range p.take() {
			p.publish(ctx, tenant)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pulseEvery):
		}
	}
}

func (p *pulse) take() map[apier.TenantID]struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := p.dirty
	p.dirty = map[apier.TenantID]struct{}{}
	return taken
}

func (p *pulse) publish(ctx context.Context, tenant apier.TenantID) {
	if !p.hub.HasReaders(tenant) {
		return
	}
	now := time.Now()
	m, err := store.Snapshot(ctx, p.metrics, tenant, now)
	if err != nil {
		if ctx.Err() == nil {
			p.log.Error("metrics_update: the counters cannot be read", "tenant", tenant, "cause", err)
		}
		return
	}
	p.hub.PublishMetrics(tenant, m, apier.TimestampOf(now))
}
