package delivery

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/apier/apier"
)

// timedConn is a connection that ends by itself when the attempts it serves are over their time. A request's context
// does not reach everything: what follows a 101 belongs to nobody any more, and a handshake goes on without the request
// that wanted it. A deadline on the connection ends them all.
type timedConn struct {
	net.Conn

	mu    sync.Mutex
	holds []*connHold // HTTP/2 serves several at once
}

// connHold is one attempt's claim to connections. An attempt that is repeated may hold several.
type connHold struct {
	until time.Time

	mu    sync.Mutex
	over  bool
	conns []*timedConn
}

// take sets the deadline of a connection that the attempt got.
func (h *connHold) take(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	timed, ok := conn.(*timedConn)
	if !ok {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return
	}
	h.conns = append(h.conns, timed)
	timed.change(func(holds []*connHold) []*connHold { return append(holds, h) })
}

// release leaves the connections to those who still hold them, or to the next attempt.
func (h *connHold) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	for _, conn := range h.conns {
		conn.change(func(holds []*connHold) []*connHold {
			return slices.DeleteFunc(holds, func(other *connHold) bool { return other == h })
		})
	}
}

// change sets who holds the connection. It lasts as long as the last of them; held by nobody, it is idle and has no
// deadline: the transport closes it.
func (c *timedConn) change(next func([]*connHold) []*connHold) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holds = next(c.holds)
	var until time.Time
	for _, h := range c.holds {
		if h.until.After(until) {
			until = h.until
		}
	}
	_ = c.SetDeadline(until) // fails on a closed connection only
}

// connGrace is how much longer than the attempt its connection lasts, so that the attempt is seen to end first.
const connGrace = 100 * time.Millisecond

type holdKey struct{}

// holdConns returns a context whose connections end with it, and the hold to be released at the attempt's end.
func holdConns(ctx context.Context) (context.Context, *connHold) {
	h := &connHold{until: time.Now().Add(apier.TimeoutLimitMS * time.Millisecond)}
	if until, ok := ctx.Deadline(); ok {
		h.until = until.Add(connGrace)
	}
	return context.WithValue(ctx, holdKey{}, h), h
}

// dialBefore returns when a dial has to be over. The transport dials without the deadline of the request's context, for
// whoever may have a use for the connection later.
func dialBefore(ctx context.Context) time.Time {
	if h, ok := ctx.Value(holdKey{}).(*connHold); ok {
		return h.until
	}
	return time.Now().Add(apier.TimeoutLimitMS * time.Millisecond)
}

// timed wraps a new connection. Its handshake has to be over by the same time as the dial.
func timed(conn net.Conn, until time.Time) net.Conn {
	_ = conn.SetDeadline(until)
	return &timedConn{Conn: conn}
}
