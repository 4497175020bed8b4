package gateway

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/hub"
)

// conn is one connection. Its reader goroutine owns its life: when the reader ends, finish lets go of
// everything, once.
type conn struct {
	g         *Gateway
	nc        net.Conn
	raw       syscall.RawConn // nil where the socket offers none: then a writer goroutine does all output
	v1        bool
	addr      string
	holder    auth.Identity // whose place in the limits it holds
	shard     *broadcaster
	slot      int // in the shard, guarded by the shard
	log       *hub.Log
	pingAfter time.Duration

	lastRead atomic.Int64 // Unix ms of the last input
	lastPing atomic.Int64 // Unix ms of the last WebSocket ping sent

	in inbound // owned by the reader

	mu      sync.Mutex // before Gateway.mu
	id      auth.Identity
	warned  bool // of the token's expiry
	subs    *hub.Subscriptions
	cursor  hub.Cursor
	pending net.Buffers // what the socket has not taken yet
	queued  int         // bytes of answers in pending: unlike changes they cannot be conflated
	writing bool        // a writer goroutine owns the socket's output
	catchUp bool        // the store must be read before the log
	phase   phase
	closing apier.CloseCode // why, once closing
}

type phase uint8

const (
	phaseOpen    phase = iota
	phaseClosing       // the close frame is on its way; nothing follows it
	phaseClosed
)

func newConn(g *Gateway, nc net.Conn, id auth.Identity, req request) *conn {
	c := &conn{g: g, nc: nc, v1: req.v1, addr: req.addr, holder: id, id: id}
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			c.raw = raw
		}
	}
	n := g.next.Add(1)
	c.shard = g.shards[int(n)%len(g.shards)]
	// ±20 %, so that connections of one moment do not ping together for ever.
	c.pingAfter = g.opt.PingAfter * time.Duration(80+(n*7)%41) / 100
	c.touch()
	return c
}

// start sends what a new connection is told first and hands it to its reader and its shard.
func (c *conn) start(req request, lost bool, denied []*apier.Error, early []byte) {
	g := c.g
	c.mu.Lock() // before it can be found, so that the session frame is the first
	g.mu.Lock()
	draining := g.draining
	g.conns[c] = struct{}{}
	g.mu.Unlock()
	if c.v1 {
		c.greet(req, lost)
	}
	for _, e := range denied {
		c.sendLocked(textMessage(apier.AppendError(nil, "", e, g.now())))
	}
	if c.catchUp {
		c.startWriter()
	}
	c.mu.Unlock()
	c.shard.add(c)
	g.opt.Log.Debug("websocket: connected", "tenant", c.id.Tenant, "user", c.id.Subject, "addr", c.addr, "v1", c.v1)
	if draining { // Drain may not have seen this one
		c.drain(g.opt.ReconnectWindow)
	}
	go c.read(early)
}

// greet sends the session frame; then what was missed follows, or the word that it must be fetched.
func (c *conn) greet(req request, lost bool) {
	head := c.cursor.Seq
	c.sendLocked(textMessage(apier.AppendSession(nil, apier.Session{
		Session: sessionPrefix(c.g.opt.Epoch, c.id) + randomID(), Epoch: c.g.opt.Epoch, Seq: head,
		Resumed: req.resume && !lost, Channels: c.subs.Names(), HeartbeatMS: c.g.opt.PingAfter.Milliseconds(),
		TokenExpiresAt: expiry(c.id), ReconnectWindowMS: c.g.reconnectWindow(c.g.Connections()).Milliseconds(),
	}, c.g.now())))
	switch {
	case lost:
		c.sendResyncs(head)
	case req.resume:
		c.cursor.Seq = req.after
		c.catchUp = req.after < head
	}
}

func expiry(id auth.Identity) apier.Timestamp {
	if id.ExpiresAt.IsZero() {
		return 0
	}
	return apier.TimestampOf(id.ExpiresAt)
}

func (c *conn) sendResyncs(seq apier.Seq) {
	for _, ch := range c.subs.Channels() {
		if !ch.IsMetrics() { // metrics come whole with their next change
			c.sendLocked(textMessage(apier.AppendResync(nil, ch.String(), seq, c.g.now())))
		}
	}
}

func (c *conn) touch() { c.lastRead.Store(c.g.opt.Now().UnixMilli()) }

// end closes with a code: the close frame goes out behind what is queued, and the reader waits for the
// client's answer for as long as CloseTimeout.
func (c *conn) end(code apier.CloseCode, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endLocked(code, reason)
}

func (c *conn) endLocked(code apier.CloseCode, reason string) {
	if c.phase != phaseOpen {
		return
	}
	frame := closeFrame(code, reason)
	c.sendLocked(frame)
	if c.phase != phaseOpen { // the queue was full: it is gone already
		return
	}
	c.phase, c.closing = phaseClosing, code
	_ = c.nc.SetReadDeadline(time.Now().Add(c.g.opt.CloseTimeout))
	if c.writing {
		_ = c.nc.SetWriteDeadline(time.Now().Add(c.g.opt.CloseTimeout))
	}
}

// abort ends the connection without a word.
func (c *conn) abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abortLocked()
}

func (c *conn) abortLocked() {
	if c.phase == phaseClosed {
		return
	}
	c.phase = phaseClosed
	c.pending, c.queued = nil, 0
	_ = c.nc.Close() // wakes the reader, which finishes
}

// drain asks the client to come back after a delay and closes.
func (c *conn) drain(after time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != phaseOpen {
		return
	}
	if c.v1 {
		c.sendLocked(textMessage(apier.AppendReconnect(nil, after, c.g.now())))
	}
	c.endLocked(apier.CloseServiceRestart, apier.CloseReason("restart", max(after, time.Millisecond)))
}

// finish lets go of everything. Only the reader calls it, as its last act.
func (c *conn) finish() {
	c.abort()
	c.shard.remove(c)
	c.g.hub.Release(c.log)
	c.g.limits.release(c.holder, c.addr)
	c.g.mu.Lock()
	delete(c.g.conns, c)
	c.g.mu.Unlock()
	c.g.opt.Log.Debug("websocket: disconnected", "tenant", c.holder.Tenant, "user", c.holder.Subject, "addr", c.addr, "code", c.closing)
	c.g.running.Done()
}
