package gateway

import (
	"errors"
	"io"
	"syscall"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/apier/apier"
)

// readBuffer is how much is read at once, bytes. The buffer is taken from the pool only when there is
// something to read.
const readBuffer = 4 << 10

// listen has the connection's input read until its end: by the poller where there is one for its kind of
// socket, else by a goroutine of its own. early is what came together with the request.
func (c *conn) listen(early []byte) {
	c.in.limit, c.in.z = c.g.opt.MaxMessage, c.deflate
	switch {
	case len(early) > 0 && !c.receive(early):
		c.finish()
	case !c.g.poller.add(c):
		go c.read()
	}
}

// read is the reader goroutine of a connection that no poller waits for.
func (c *conn) read() {
	// One closure for the whole life: RawConn.Read parks the goroutine until the socket is readable.
	var buf *[]byte
	var n int
	var err error
	attempt := func(fd uintptr) bool {
		buf = c.g.buffers.Get().(*[]byte)
		n, err = readSocket(int(fd), *buf)
		if errors.Is(err, syscall.EAGAIN) {
			c.g.buffers.Put(buf)
			return false
		}
		return true
	}
	for {
		if c.raw != nil {
			n, err = 0, nil
			if rawErr := c.raw.Read(attempt); rawErr != nil {
				c.finish()
				return
			}
		} else {
			buf = c.g.buffers.Get().(*[]byte)
			n, err = c.nc.Read(*buf)
		}
		more := err == nil && n > 0 && c.receive((*buf)[:n])
		c.g.buffers.Put(buf)
		switch {
		case more:
			continue
		case errors.Is(err, io.EOF):
			c.leave()
		default:
			c.finish()
		}
		return
	}
}

func readSocket(fd int, p []byte) (int, error) {
	for {
		n, err := syscall.Read(fd, p)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if n == 0 && err == nil {
			return 0, io.EOF
		}
		return n, err
	}
}

// receive handles input; false ends the connection. Once our close frame is out, only the client's own
// matters; once the stream could not be read any more, nothing does but its end, which the client makes or
// the clock: closing a socket with unread input resets it, and the reset can overtake our close frame.
func (c *conn) receive(p []byte) bool {
	if c.deaf {
		return true
	}
	c.touch()
	c.g.stats.receivedBytes.Add(uint64(len(p)))
	c.in.feed(p)
	defer c.in.rest()
	for {
		op, payload, ok, broken := c.in.next()
		switch {
		case broken != nil:
			c.deaf = true
			c.end(broken.code, broken.reason)
			return true
		case !ok:
			return true
		case op == ws.OpClose:
			c.g.stats.receivedFrames.Add(1)
			c.deaf = true
			return !c.answerClose(payload)
		case !c.isClosing():
			c.g.stats.receivedFrames.Add(1)
			c.dispatch(op, payload)
		}
	}
}

func (c *conn) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.phase != phaseOpen
}

// answerClose completes the handshake that the client began, or that it answered (RFC 6455, 5.5.1). false: our close
// frame stands behind what the socket has not taken yet, and the writer hangs up when it is out.
func (c *conn) answerClose(body []byte) (done bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == phaseOpen {
		c.sendCloseLocked(body)
	}
	c.parted = c.writing && c.phase == phaseClosing
	return !c.parted
}

func (c *conn) sendCloseLocked(body []byte) {
	code, reason := ws.ParseCloseFrameData(body)
	answer := ws.NewCloseFrameBody(code, "")
	switch {
	case len(body) == 0:
		answer = nil
	case !mayClose(code) || !utf8.ValidString(reason):
		answer = ws.NewCloseFrameBody(ws.StatusProtocolError, "")
	}
	c.sendLocked(appendMessage(nil, ws.OpClose, answer))
	if len(body) == 0 {
		code = ws.StatusNoStatusRcvd // RFC 6455, 7.1.5: a close frame without a code
	}
	if c.phase == phaseOpen { // else the queue was full, or the socket gone
		c.closingLocked(apier.CloseCode(code))
	}
}

// mayClose reports whether a code may stand in a close frame: those of RFC 6455, section 7.4, those
// registered since (1012 to 1014), and the ranges for libraries and applications.
func mayClose(code ws.StatusCode) bool {
	return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
}

// dispatch handles one message or control frame.
func (c *conn) dispatch(op ws.OpCode, payload []byte) {
	if op == ws.OpPong && c.measure() {
		return
	}
	if c.meter == nil {
		m := newMeter(c.g.opt)
		c.meter = &m
	}
	switch c.meter.take(c.g.opt.Steady()) {
	case flooding:
		c.end(apier.CloseTooManyRequests, apier.CloseReason("rate_limited", c.g.opt.RefusalRetryAfter))
	case overRate:
		if op == ws.OpText {
			c.refuseRate(payload)
		}
	default:
		switch op {
		case ws.OpPing:
			c.sendWire(appendMessage(nil, ws.OpPong, payload))
		case ws.OpText:
			c.handle(payload)
		default: // a pong that nobody asked for, or an empty fragment: it counts, and says nothing
		}
	}
}

// measure takes the round trip from the first pong after a ping. Any other pong is one that nobody asked for.
func (c *conn) measure() (asked bool) {
	ping := c.lastPing.Load()
	if ping == 0 || c.ponged == ping {
		return false
	}
	c.ponged = ping
	c.rtt.Store(int32(min(max(c.g.steady()-ping, 0), 1<<20)) + 1)
	return true
}

// refuseRate answers a message that is over the rate. In v1 the answer says what was not done, and when to ask again.
func (c *conn) refuseRate(payload []byte) {
	frame, _ := apier.DecodeClientFrame(payload)
	wait := c.meter.wait()
	e := apier.Errorf(apier.CodeRateLimited, "More than %v messages a second; this one was not handled. Ask again in %d ms, or the connection ends.",
		c.g.opt.MessagesPerSec, wait.Milliseconds())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuseLocked(frame, e, wait, frame.Names...)
}
