package gateway

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apier/apier/internal/hub"
)

// broadcaster writes what is published to its share of the connections. One pass writes to each all that
// has come since the last, a block in one call: the busier the server, the more frames share a write.
type broadcaster struct {
	watch *hub.Watch
	stats *stats
	began time.Time    // what since counts from
	since atomic.Int64 // ns from there to the first commit that no pass has written yet; 0: none

	mu      sync.Mutex // before conn.mu; not held while a socket is written
	conns   []*conn
	scratch []*conn
}

func newBroadcaster(h *hub.Hub, s *stats, began time.Time) *broadcaster {
	return &broadcaster{watch: h.Watch(), stats: s, began: began}
}

func (b *broadcaster) run(ctx context.Context) {
	defer b.watch.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.watch.C:
			b.pass()
		}
	}
}

func (b *broadcaster) pass() {
	since := b.since.Swap(0)
	b.mu.Lock()
	b.scratch = append(b.scratch[:0], b.conns...)
	b.mu.Unlock()
	for _, c := range b.scratch {
		c.follow()
	}
	if len(b.scratch) > 0 {
		b.stats.observeFanout(time.Duration(since), time.Since(b.began))
	}
	clear(b.scratch)
}

func (b *broadcaster) add(c *conn) {
	b.mu.Lock()
	c.slot = len(b.conns)
	b.conns = append(b.conns, c)
	b.mu.Unlock()
	// What was published between the opening of its log and now had nobody to write it.
	c.follow()
}

func (b *broadcaster) remove(c *conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := len(b.conns) - 1
	b.conns[c.slot] = b.conns[last]
	b.conns[c.slot].slot = c.slot
	b.conns[last] = nil
	b.conns = b.conns[:last]
}
