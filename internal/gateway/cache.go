package gateway

import (
	"sync"

	"github.com/apier/apier/internal/hub"
)

// encoded is a batch as it goes over the wire.
type encoded struct {
	wire   []byte // shared: not to be written to
	frames int
	to     hub.Cursor
	more   bool // another batch follows at once
	behind bool // the log has forgotten what comes next
}

// batchCache shares encoded batches among all who stand at the same cursor with the same subscriptions. In
// the usual case that is nearly everybody, at the head of the log; under load it is everybody who lags,
// since batches end where blocks end.
type batchCache struct {
	mu      sync.Mutex
	latest  map[batchKey]encoded // since the last publication or so
	earlier map[batchKey]encoded
}

type batchKey struct {
	log     uint64
	cursor  hub.Cursor
	subs    string
	v1      bool
	deflate *deflater // nil: not compressed
}

// cacheSize bounds each half of the cache, in batches; a batch is some 25 KB under load.
const cacheSize = 256

// next gives what comes after the cursor of a connection. Called with the connection's mu held.
func (b *batchCache) next(c *conn) encoded {
	if c.log.Head() == c.cursor {
		return encoded{to: c.cursor}
	}
	key := batchKey{c.log.ID(), c.cursor, c.subs.Key(), c.v1, c.deflate}
	b.mu.Lock()
	defer b.mu.Unlock()
	if entry, ok := b.find(key); ok && (entry.more || entry.to == c.log.Head()) {
		return entry
	}
	batch, ok := c.log.Since(c.cursor)
	if !ok {
		return encoded{behind: true}
	}
	wire, frames := encodeBatch(batch, c.subs, c.v1, c.deflate, c.g.now())
	entry := encoded{wire: wire, frames: frames, to: batch.To, more: batch.More}
	if len(b.latest) >= cacheSize || b.latest == nil {
		b.earlier, b.latest = b.latest, make(map[batchKey]encoded, cacheSize)
	}
	b.latest[key] = entry
	return entry
}

func (b *batchCache) find(key batchKey) (encoded, bool) {
	if entry, ok := b.latest[key]; ok {
		return entry, true
	}
	entry, ok := b.earlier[key]
	return entry, ok
}
