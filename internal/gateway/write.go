package gateway

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/hub"
)

// sendLocked sends frames of this connection alone. A client that lets more than MaxQueue pile up is
// ended: unlike changes, answers cannot be conflated.
func (c *conn) sendLocked(wire []byte) { c.sendFramesLocked(wire, 1) }

func (c *conn) sendFramesLocked(wire []byte, frames int) {
	if c.phase != phaseOpen {
		return
	}
	if c.queued+len(wire) > c.g.opt.MaxQueue {
		c.closing = apier.CloseTimeout
		c.abortLocked()
		return
	}
	c.queued += c.writeLocked(wire, frames)
}

// writeLocked writes at once what the socket accepts and leaves the rest to a writer goroutine; it gives
// the size of the rest. wire holds so many frames and may be shared with other connections.
func (c *conn) writeLocked(wire []byte, frames int) (waiting int) {
	c.sentFrames, c.sentBytes = c.sentFrames+uint64(frames), c.sentBytes+uint64(len(wire))
	if !c.writing && c.raw != nil {
		n, err := c.tryWrite(wire)
		if err != nil {
			c.abortLocked()
			return 0
		}
		wire = wire[n:]
	}
	if len(wire) == 0 {
		return 0
	}
	c.pending = append(c.pending, wire)
	c.startWriter()
	return len(wire)
}

// tryWrite writes without waiting. It answers how much the socket took, which may be nothing.
func (c *conn) tryWrite(wire []byte) (n int, err error) {
	rawErr := c.raw.Write(func(fd uintptr) bool {
		for {
			n, err = syscall.Write(int(fd), wire)
			if !errors.Is(err, syscall.EINTR) {
				return true
			}
		}
	})
	if rawErr != nil {
		return 0, rawErr
	}
	if errors.Is(err, syscall.EAGAIN) {
		return 0, nil
	}
	return max(n, 0), err
}

// startWriter starts the writer goroutine unless there is one. Called with mu held.
func (c *conn) startWriter() {
	if c.writing || c.phase == phaseClosed {
		return
	}
	c.writing = true
	c.g.running.Add(1) // the connection itself is counted, so the count is above 0
	go c.write()
}

// write is the writer goroutine: it waits for the socket, and catches up from the log or the store,
// until the connection is where everybody else is. Then it ends.
func (c *conn) write() {
	defer c.g.running.Done()
	c.writeAll()
	c.mu.Lock()
	left := c.left
	c.mu.Unlock()
	if left {
		c.finish()
	}
}

func (c *conn) writeAll() {
	for {
		wire, more := c.nextWire()
		if !more {
			return
		}
		if len(wire) == 0 {
			if !c.readStore() {
				return
			}
			continue
		}
		if !c.writeOut(wire) {
			return
		}
	}
}

// nextWire gives what to write next; nothing means that the store must be read first. more is false
// once there is nothing left to do: the broadcaster takes over again.
func (c *conn) nextWire() (wire net.Buffers, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == phaseClosed {
		return nil, false
	}
	if len(c.pending) > 0 {
		wire, c.pending, c.queued = c.pending, nil, 0
		return wire, true
	}
	for c.advance() && len(c.pending) == 0 { // batches may hold nothing for this connection
	}
	if len(c.pending) > 0 {
		wire, c.pending = c.pending, nil
		return wire, true
	}
	if c.phase == phaseOpen && c.catchUp && !c.paused {
		return nil, true
	}
	_ = c.nc.SetWriteDeadline(time.Time{})
	c.writing = false
	if c.parted {
		c.abortLocked() // all is said: the reader sees its end
	}
	return nil, false
}

// writeOut writes until all is out; false ends the connection. A client has WriteTimeout for every bit
// of progress.
func (c *conn) writeOut(wire net.Buffers) bool {
	for len(wire) > 0 {
		_ = c.nc.SetWriteDeadline(time.Now().Add(c.writeTimeout()))
		n, err := wire.WriteTo(c.nc)
		if err == nil {
			return true
		}
		if n > 0 && errors.Is(err, os.ErrDeadlineExceeded) && !c.isClosing() {
			continue
		}
		c.stalled(err)
		return false
	}
	return true
}

func (c *conn) writeTimeout() time.Duration {
	if c.isClosing() {
		return c.g.opt.CloseTimeout
	}
	return c.g.opt.WriteTimeout
}

// stalled ends a connection whose socket takes nothing: no close frame would get through, so the code
// 4408 is for the log.
func (c *conn) stalled(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if errors.Is(err, os.ErrDeadlineExceeded) && c.phase == phaseOpen {
		c.closing = apier.CloseTimeout
		c.g.opt.Log.Info("websocket: closed a client that reads nothing", "tenant", c.holder.tenant,
			"user", c.holder.subject, "addr", c.addr, "waited", c.g.opt.WriteTimeout)
	}
	c.abortLocked()
}

// readStore appends one page of what changed since the cursor; false ends the connection.
func (c *conn) readStore() bool {
	c.mu.Lock()
	key, subs, own := c.pageKey(), c.subs, len(c.told) > 0
	c.mu.Unlock()
	page, err := c.g.page(c.holder.tenant, key, subs, own)
	if err != nil {
		if c.g.ctx.Err() == nil {
			c.g.opt.Log.Error("websocket: cannot read what a client missed", "tenant", c.holder.tenant, "after", key.after, "cause", err)
		}
		c.end(apier.CloseTryAgainLater, apier.CloseReason("unavailable", c.g.opt.RefusalRetryAfter))
		return true // the close frame is to be written still
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	told := len(c.told) > 0
	if c.phase != phaseOpen || c.paused || told && !own || c.pageKey() != key { // it is read again, behind the snapshot
		return true
	}
	c.caughtUp += page.count
	switch {
	case page.Lost:
		c.g.stats.resyncs.Inc()
		if c.v1 {
			c.sendLocked(c.appendResyncs(nil, page.Seq))
		}
	case told:
		c.append(encodeBatch(c.untold(hub.Batch{Changes: page.Changes}, page.Seq), c.subs, c.v1, c.deflate, c.g.now()))
	default:
		c.append(page.wire, page.frames)
	}
	c.cursor.Seq = max(c.cursor.Seq, page.Seq)
	if c.catchUp = page.More; !page.More {
		c.g.stats.resumed.Observe(float64(c.caughtUp))
		c.caughtUp = 0
	}
	return true
}

// append leaves frames to the writer goroutine, which is there. wire may be shared with other connections.
func (c *conn) append(wire []byte, frames int) {
	if len(wire) == 0 {
		return
	}
	c.sentFrames, c.sentBytes = c.sentFrames+uint64(frames), c.sentBytes+uint64(len(wire))
	c.pending = append(c.pending, wire)
}

// next gives what comes after the cursor.
func (c *conn) next() encoded {
	if len(c.told) > 0 {
		return c.ownBatch()
	}
	return c.g.cache.next(c)
}

func (g *Gateway) beginRead() error {
	select {
	case g.reading <- struct{}{}:
		return nil
	case <-g.ctx.Done():
		return g.ctx.Err()
	}
}

func (g *Gateway) endRead() { <-g.reading }

// follow writes what the log holds beyond the cursor, as far as the socket takes it. Where there is a writer,
// that one reads the log itself.
func (c *conn) follow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.writing && c.advance() { // a block at a time
	}
}

// advance writes the next batch of what the log holds beyond the cursor; true says that another follows and
// the socket may take it. Called with mu held.
func (c *conn) advance() bool {
	if c.phase != phaseOpen || c.catchUp || c.paused {
		return false
	}
	entry := c.next()
	if entry.behind {
		c.catchUp = true
		c.g.stats.behind.Inc()
		c.startWriter()
		return false
	}
	c.cursor = entry.to
	if len(entry.wire) > 0 {
		c.writeLocked(entry.wire, entry.frames)
	}
	return entry.more && c.phase == phaseOpen
}
