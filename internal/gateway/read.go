package gateway

import (
	"errors"
	"io"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/apier/apier"
)

// readBuffer is how much is read at once, bytes. The buffer is taken from the pool only when there is
// something to read.
const readBuffer = 4 << 10

// read is the reader goroutine.
func (c *conn) read(early []byte) {
	defer c.finish()
	c.in.limit = c.g.opt.MaxMessage
	meter := newMeter(c.g.opt)
	if !c.receive(early, &meter) {
		return
	}
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
				return
			}
		} else {
			buf = c.g.buffers.Get().(*[]byte)
			n, err = c.nc.Read(*buf)
		}
		more := err == nil && n > 0 && c.receive((*buf)[:n], &meter)
		c.g.buffers.Put(buf)
		if !more {
			return
		}
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
// matters.
func (c *conn) receive(p []byte, meter *meter) bool {
	c.touch()
	c.in.feed(p)
	defer c.in.rest()
	for {
		op, payload, ok, broken := c.in.next()
		switch {
		case broken != nil: // the stream cannot be read any more
			c.end(broken.code, broken.reason)
			c.discardInput()
			return false
		case !ok:
			return true
		case op == ws.OpClose:
			c.answerClose(payload)
			return false
		case !c.isClosing():
			c.dispatch(op, payload, meter)
		}
	}
}

// discardInput reads until the client closes or CloseTimeout has passed: closing a socket with unread
// input resets it, and the reset can overtake our close frame.
func (c *conn) discardInput() {
	deadline := time.Now().Add(c.g.opt.CloseTimeout)
	_ = c.nc.SetReadDeadline(deadline)
	buf := c.g.buffers.Get().(*[]byte)
	defer c.g.buffers.Put(buf)
	for time.Now().Before(deadline) {
		if _, err := c.nc.Read(*buf); err != nil {
			return
		}
	}
}

func (c *conn) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.phase != phaseOpen
}

// answerClose completes the handshake that the client began, or that it answered (RFC 6455, 5.5.1).
func (c *conn) answerClose(body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != phaseOpen {
		return
	}
	code, reason := ws.ParseCloseFrameData(body)
	answer := ws.NewCloseFrameBody(code, "")
	switch {
	case len(body) == 0:
		answer = nil
	case !mayClose(code) || !utf8.ValidString(reason):
		answer = ws.NewCloseFrameBody(ws.StatusProtocolError, "")
	}
	c.closing = apier.CloseCode(code)
	c.sendLocked(appendMessage(nil, ws.OpClose, answer))
	c.phase = phaseClosing
}

// mayClose reports whether a code may stand in a close frame: those of RFC 6455, section 7.4, those
// registered since (1012 to 1014), and the ranges for libraries and applications.
func mayClose(code ws.StatusCode) bool {
	return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
}

// dispatch handles one message or control frame.
func (c *conn) dispatch(op ws.OpCode, payload []byte, meter *meter) {
	if op == ws.OpPong {
		return
	}
	switch meter.take(c.g.opt.Now()) {
	case flooding:
		c.end(apier.CloseTooManyRequests, apier.CloseReason("rate_limited", c.g.opt.RefusalRetryAfter))
	case overRate:
		if op == ws.OpText {
			f, _ := apier.DecodeClientFrame(payload)
			c.send(apier.AppendError(nil, f.ID, rateLimited(c.g.opt), c.g.now()))
		}
	default:
		if op == ws.OpPing {
			c.sendWire(appendMessage(nil, ws.OpPong, payload))
		} else {
			c.handle(payload)
		}
	}
}

func rateLimited(o Options) *apier.Error {
	return apier.Errorf(apier.CodeRateLimited, "More than %v messages a second; this one was not handled. Slow down, or the connection ends.", o.MessagesPerSec)
}
