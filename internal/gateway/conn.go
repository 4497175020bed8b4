package gateway

import (
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gobwas/ws"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/hub"
)

// conn is one connection. Its reader owns its life: when there is nothing more to read, finish lets go of
// everything, once, unless it is left to a writer that has something to say still. Whoever else wants its end calls
// abort, which makes both see one.
type conn struct {
	g         *Gateway
	nc        net.Conn
	raw       syscall.RawConn // nil where the socket offers none: then a writer goroutine does all output
	v1        bool
	deflate   *deflater // nil: not negotiated
	addr      string
	fd        int32 // with the poller; 0: a goroutine reads
	holder    user  // whose place in the limits it holds
	shard     *broadcaster
	slot      int     // in the shard, guarded by the shard
	name      string  // its id, which sorts by age
	since     int64   // Unix ms
	client    *string // its User-Agent
	log       *hub.Log
	pingAfter time.Duration

	lastRead atomic.Int64 // when the last input came, ms of Gateway.steady
	lastPing atomic.Int64 // when the last WebSocket ping was sent, likewise; 0: none was
	rtt      atomic.Int32 // of it, ms, plus 1; 0: not known

	in     inbound // these four are the reader's
	meter  *meter  // nil until the client says something
	deaf   bool    // input is thrown away: the stream made no sense, or its end was said
	ponged int64   // lastPing when its pong came

	mu      sync.Mutex // before Gateway.mu
	id      auth.Identity
	warnAt  int64 // of the token's expiry, Unix ms; 0: there is nothing to warn of, or it was
	subs    *hub.Subscriptions
	cursor  hub.Cursor
	pending net.Buffers // what the socket has not taken yet
	queued  int         // bytes of answers in pending: unlike changes they cannot be conflated
	writing bool        // a writer goroutine owns the socket's output
	catchUp bool        // the store must be read before the log
	paused  bool        // a snapshot is being read: the stream stands still
	parted  bool        // the client's close frame came, or its end: who writes the last bit hangs up
	left    bool        // the reader has gone: the writer finishes
	told    []told      // what snapshots have told and the stream has not reached
	phase   phase
	closing apier.CloseCode // why, once closing
	closeBy int64           // ms of Gateway.steady; once closing, how long the client may take

	sentFrames, sentBytes uint64
	caughtUp              int // changes read from the store since it fell behind or came back
}

type phase uint8

const (
	phaseOpen    phase = iota
	phaseClosing       // the close frame is on its way; nothing follows it
	phaseClosed
)

func newConn(g *Gateway, nc net.Conn, id auth.Identity, req request) *conn {
	c := &conn{g: g, nc: nc, v1: req.v1, deflate: req.deflate, addr: req.addr, holder: holderOf(id), id: id}
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			c.raw = raw
		}
	}
	n := g.next.Add(1)
	c.shard = g.shards[int(n)%len(g.shards)]
	// ±20 %, so that connections of one moment do not ping together for ever.
	c.name, c.since, c.client = newConnectionID(), g.opt.Now().UnixMilli(), req.client
	c.pingAfter = g.opt.PingAfter * time.Duration(80+(n*7)%41) / 100
	c.warnAt = g.warnAt(id)
	c.touch()
	return c
}

// start sends what a new connection is told first, behind the answer to its request and in the same write,
// and hands it to its shard.
func (c *conn) start(answer []byte, req request, lost bool, refused []denied) {
	g := c.g
	var metrics []byte
	if c.v1 && c.subs.Metrics() {
		metrics = g.metricsNow(c)
	}
	c.mu.Lock() // before it can be found, so that the session frame is the first
	g.mu.Lock()
	draining := g.draining
	g.conns[c] = struct{}{}
	g.mu.Unlock()
	frames := len(refused)
	if c.v1 {
		frames++
		answer = c.greet(answer, req, lost)
	}
	if req.waits {
		frames++
		answer = appendMessage(answer, ws.OpText, apier.AppendAuth(nil, req.frameID, apier.AuthOK, expiry(c.id), g.now()))
	}
	if len(metrics) > 0 {
		frames++
		answer = append(answer, metrics...)
	}
	for _, d := range refused {
		var about *apier.Refusal
		if c.v1 {
			about = &apier.Refusal{Channels: d.names}
		}
		answer = append(answer, textMessage(apier.AppendError(nil, "", d.err, g.now(), about))...)
	}
	c.sendFramesLocked(answer, frames)
	if !req.resume || lost {
		for _, channel := range c.subs.Channels() {
			if !channel.IsMetrics() {
				c.tell(channel)
			}
		}
	}
	if c.catchUp {
		c.startWriter()
	}
	c.mu.Unlock()
	c.shard.add(c)
	if g.opt.Log.Enabled(g.ctx, slog.LevelDebug) { // the arguments cost more than the rest of this line
		g.opt.Log.Debug("websocket: connected", "tenant", c.holder.tenant, "user", c.holder.subject, "addr", c.addr, "v1", c.v1)
	}
	if draining { // Drain may not have seen this one
		c.drain(g.opt.ReconnectWindow)
	}
	if g.ctx.Err() != nil { // nor Run, and nobody looks at the clock any more
		c.abort()
	}
}

// greet appends the session frame; then what was missed follows, or the word that it must be fetched.
func (c *conn) greet(dst []byte, req request, lost bool) []byte {
	var text [512]byte // on the stack: most sessions fit
	head := c.cursor.Seq
	dst = appendMessage(dst, ws.OpText, apier.AppendSession(text[:0], apier.Session{
		Session: sessionPrefix(c.g.opt.Run, c.id) + randomID(), Epoch: c.g.opt.Epoch, Seq: head,
		Resumed: req.resume && !lost, Channels: c.subs.Names(), HeartbeatMS: c.g.opt.PingAfter.Milliseconds(),
		TokenExpiresAt: expiry(c.id), ReconnectWindowMS: c.g.reconnectWindow(c.g.Connections()).Milliseconds(),
	}, c.g.now()))
	switch {
	case lost:
		c.g.stats.resyncs.Inc()
		dst = c.appendResyncs(dst, head)
	case req.resume:
		c.cursor.Seq = req.after
		c.catchUp = req.after < head
	}
	return dst
}

func expiry(id auth.Identity) apier.Timestamp {
	if id.ExpiresAt.IsZero() {
		return 0
	}
	return apier.TimestampOf(id.ExpiresAt)
}

func (c *conn) appendResyncs(dst []byte, seq apier.Seq) []byte {
	for _, ch := range c.subs.Channels() {
		if !ch.IsMetrics() { // metrics come whole with their next change
			dst = appendMessage(dst, ws.OpText, apier.AppendResync(nil, ch.String(), seq, c.g.now()))
		}
	}
	return dst
}

func (c *conn) touch() { c.lastRead.Store(c.g.steady()) }

// end closes with a code: the close frame goes out behind what is queued, and the client has CloseTimeout to
// answer it, give or take a sweep.
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
	c.closingLocked(code)
}

// closingLocked bounds the time that is left, once the close frame is on its way.
func (c *conn) closingLocked(code apier.CloseCode) {
	c.phase, c.closing = phaseClosing, code
	c.closeBy = c.g.steady() + c.g.opt.CloseTimeout.Milliseconds()
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
	hangUp(c.nc)
}

// hangUp makes the reader of a connection see its end. Closing is left to the reader: a descriptor that
// somebody waits for must not become another connection's.
func hangUp(nc net.Conn) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.CloseRead()
		_ = tcp.CloseWrite()
		return
	}
	_ = nc.Close()
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

// leave is the reader's last act where the client has closed its side: what stands before our close frame, and that
// frame, can get through still. Else the connection ends here.
func (c *conn) leave() {
	c.mu.Lock()
	c.left = c.writing && c.phase == phaseClosing
	c.parted = c.parted || c.left
	left := c.left
	c.mu.Unlock()
	if !left {
		c.finish()
	}
}

// finish lets go of everything. Only the reader calls it, as its last act, or the writer it has left this to.
func (c *conn) finish() {
	c.mu.Lock()
	c.phase, c.pending = phaseClosed, nil
	code := c.closing
	c.mu.Unlock()
	c.g.stats.ended(code)
	c.g.poller.remove(c)
	_ = c.nc.Close()
	c.shard.remove(c)
	c.g.hub.Release(c.log)
	c.g.limits.release(c.holder, c.addr)
	c.forget()
	c.g.opt.Log.Debug("websocket: disconnected", "tenant", c.holder.tenant, "user", c.holder.subject, "addr", c.addr, "code", code)
	c.g.running.Done()
}

// forget takes the connection out of those that are there. What it has sent moves to the sums in the same moment, so
// that whoever adds up finds it in one place.
func (c *conn) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.g.mu.Lock()
	defer c.g.mu.Unlock()
	delete(c.g.conns, c)
	c.g.stats.sentFrames += c.sentFrames
	c.g.stats.sentBytes += c.sentBytes
}
