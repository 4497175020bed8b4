package gateway

import (
	"context"
	"sync"

	"github.com/apier/apier/internal/hub"
)

// broadcaster writes what is published to its share of the connections. One pass writes to each all that
// has come since the last, in one call: the busier the server, the more frames share a write.
type broadcaster struct {
	watch *hub.Watch

	mu      sync.Mutex // before conn.mu; not held while a socket is written
	conns   []*conn
	scratch []*conn
}

func newBroadcaster(h *hub.Hub) *broadcaster { return &broadcaster{watch: h.Watch()} }

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
	b.mu.Lock()
	b.scratch = append(b.scratch[:0], b.conns...)
	b.mu.Unlock()
	cache := &batchCache{}
	for _, c := range b.scratch {
		c.mu.Lock()
		if !c.writing { // its writer reads the log itself
			c.advance(cache)
		}
		c.mu.Unlock()
	}
	clear(b.scratch)
}

func (b *broadcaster) add(c *conn) {
	b.mu.Lock()
	c.slot = len(b.conns)
	b.conns = append(b.conns, c)
	b.mu.Unlock()
	// What was published between the opening of its log and now had nobody to write it.
	c.mu.Lock()
	if !c.writing {
		c.advance(nil)
	}
	c.mu.Unlock()
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

// encoded is a batch as it goes over the wire. behind: the log has forgotten part of it.
type encoded struct {
	wire   []byte
	to     hub.Cursor
	behind bool
}

func encodeSince(c *conn) encoded {
	batch, ok := c.log.Since(c.cursor)
	if !ok {
		return encoded{behind: true}
	}
	return encoded{wire: encodeBatch(batch, c.subs, c.v1, c.g.now()), to: batch.To}
}

// batchCache shares encoded batches among the connections of one pass that stand at the same cursor
// with the same subscriptions: usually nearly all.
type batchCache struct {
	lastKey batchKey
	last    encoded
	all     map[batchKey]encoded
}

type batchKey struct {
	log    *hub.Log
	cursor hub.Cursor
	subs   string
	v1     bool
}

func (b *batchCache) get(c *conn) encoded {
	key := batchKey{c.log, c.cursor, c.subs.Key(), c.v1}
	if key == b.lastKey {
		return b.last
	}
	entry, ok := b.all[key]
	if !ok {
		entry = encodeSince(c)
		if b.all == nil {
			b.all = map[batchKey]encoded{}
		}
		b.all[key] = entry
	}
	b.lastKey, b.last = key, entry
	return entry
}
