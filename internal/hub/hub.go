// Package hub is the fan-out in memory: what was committed, in order, for whoever is connected now.
//
// It keeps one Log per tenant that has readers, bounded in bytes. A reader holds nothing but a Cursor
// into the log, so publishing costs the same for one reader and for fifty thousand, a slow reader
// holds no memory of its own, and a reader whose cursor has fallen off the log reads the store
// instead: the log may forget, the store does not. docs/decisions/0002 has the argument.
//
// The hub does no I/O, has no clock and never blocks; nothing holds a lock of it while a socket is
// written.
package hub

import (
	"sync"

	"github.com/apier/apier"
)

// DefaultLogBytes bounds the log of one tenant: a burst of some ten thousand events.
const DefaultLogBytes = 8 << 20

// Hub holds the logs. Its methods are safe for concurrent use.
type Hub struct {
	logBytes   int
	totalBytes int

	mu      sync.Mutex                   // before Log.mu
	bytes   int                          // of all logs
	heads   map[apier.TenantID]apier.Seq // of the latest commit of each tenant
	logs    map[apier.TenantID]*Log
	opened  uint64 // logs so far
	watches map[*Watch]struct{}
}

// DefaultTotalBytes bounds the logs of all tenants together.
const DefaultTotalBytes = 64 << 20

// New makes an empty hub. logBytes bounds each tenant's log and totalBytes all logs together; 0 means DefaultLogBytes and
// DefaultTotalBytes.
func New(logBytes, totalBytes int) *Hub {
	if logBytes <= 0 {
		logBytes = DefaultLogBytes
	}
	if totalBytes <= 0 {
		totalBytes = DefaultTotalBytes
	}
	return &Hub{logBytes: logBytes, totalBytes: max(totalBytes, logBytes), heads: map[apier.TenantID]apier.Seq{}, logs: map[apier.TenantID]*Log{}, watches: map[*Watch]struct{}{}}
}

// Advance says that everything of a tenant up to seq is committed, before the first Publish of a process.
func (h *Hub) Advance(tenant apier.TenantID, seq apier.Seq) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heads[tenant] = max(h.heads[tenant], seq)
}

// Publish appends the changes of commits to the logs of their tenants and wakes the watchers. Commits of tenants without
// a reader cost nothing. It reports whether there is a reader.
func (h *Hub) Publish(commits []apier.Commit) (read bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range commits {
		c := &commits[i]
		if c.Upto <= h.heads[c.Tenant] {
			continue
		}
		h.heads[c.Tenant] = c.Upto
		if log := h.logs[c.Tenant]; log != nil {
			h.bytes += log.append(c)
			read = true
		}
	}
	h.evict()
	if read {
		h.wake()
	}
	return read
}

// evict halves the largest log while all logs together are over their limit. Its slow readers go to the store.
func (h *Hub) evict() {
	for h.bytes > h.totalBytes {
		var largest *Log
		for _, log := range h.logs {
			if largest == nil || log.bytes > largest.bytes {
				largest = log
			}
		}
		if largest == nil {
			return
		}
		freed := largest.shrink()
		if freed == 0 { // each holds one change, and has to
			return
		}
		h.bytes -= freed
	}
}

// PublishMetrics replaces the metrics of a tenant; only the newest are kept.
func (h *Hub) PublishMetrics(tenant apier.TenantID, m apier.Metrics, at apier.Timestamp) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if log := h.logs[tenant]; log != nil {
		log.setMetrics(m, at)
		h.wake()
	}
}

func (h *Hub) wake() {
	for w := range h.watches {
		select {
		case w.C <- struct{}{}:
		default: // a wake-up is waiting already
		}
	}
}

// HasReaders reports whether anybody reads the tenant's log.
func (h *Hub) HasReaders(tenant apier.TenantID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.logs[tenant] != nil
}

// Open gives the log of a tenant for one more reader. From now on it records, so whoever reads the
// store after Open misses nothing. Each Open needs a Release.
func (h *Hub) Open(tenant apier.TenantID) *Log {
	h.mu.Lock()
	defer h.mu.Unlock()
	log := h.logs[tenant]
	if log == nil {
		h.opened++
		head := h.heads[tenant]
		log = &Log{tenant: tenant, id: h.opened, limit: h.logBytes, forgotten: head, head: head, events: head}
		h.logs[tenant] = log
	}
	log.readers++
	return log
}

// Release ends one reader's use of a log; the last one lets it be forgotten.
func (h *Hub) Release(log *Log) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if log.readers--; log.readers == 0 {
		delete(h.logs, log.tenant)
		h.bytes -= log.bytes
	}
}

// Watch is woken after something was published. One wake-up may stand for many publications.
type Watch struct {
	C   chan struct{}
	hub *Hub
}

// Watch starts a watch; Stop ends it.
func (h *Hub) Watch() *Watch {
	w := &Watch{C: make(chan struct{}, 1), hub: h}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watches[w] = struct{}{}
	return w
}

// Stop ends the watch.
func (w *Watch) Stop() {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	delete(w.hub.watches, w)
}
