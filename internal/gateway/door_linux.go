package gateway

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"os"
	"syscall"
)

// waitingGreeters bounds the goroutines that wait for upgrade requests, with stacks of some 8 KiB.
const waitingGreeters = 32

// doorHead bounds the head of a request that the door takes, bytes. Longer ones are left to net/http.
const doorHead = 4 << 10

// door is a listener that serves upgrade requests itself and gives every other connection to net/http. It looks
// at what has arrived without taking it out of the socket, so what it leaves is untouched.
type door struct {
	net.Listener
	g       *Gateway
	handler http.Handler

	visits chan *visit   // for a greeter that waits
	idle   chan struct{} // a place for each greeter that may wait

	peeked []byte // the rest belongs to Accept, which net/http calls from one goroutine
	reader *bufio.Reader
	source bytes.Reader
}

// Door gives a listener for net/http that has GET /ws served by handler at less than half of the cost: no
// buffers, contexts and goroutines of a connection of net/http are made only to be let go. What handler sees
// and may do is the same.
func (g *Gateway) Door(l net.Listener, handler http.Handler) net.Listener {
	tcp, ok := l.(*net.TCPListener)
	if !ok || g.opt.portable {
		return l
	}
	d := &door{
		Listener: l, g: g, handler: handler, visits: make(chan *visit), idle: make(chan struct{}, waitingGreeters),
		peeked: make([]byte, doorHead), reader: bufio.NewReader(nil),
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		// A connection is accepted once its request has come, or a second has passed. Without it some
		// requests come too late to be seen here.
		_ = raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_DEFER_ACCEPT, 1) })
	}
	return d
}

// Accept gives the next connection that is not an upgrade request.
func (d *door) Accept() (net.Conn, error) {
	for {
		nc, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if !d.take(nc) {
			return nc, nil
		}
	}
}

// take serves a connection if what it has sent is one whole upgrade request and nothing else.
func (d *door) take(nc net.Conn) bool {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	head := d.peeked[:peek(raw, d.peeked)]
	if !isWebSocketHead(head) {
		return false
	}
	r, err := d.parse(head)
	if err != nil || !isUpgrade(r) || r.Host == "" || r.ContentLength != 0 || !d.g.enter() {
		return false
	}
	if err := discard(raw, head); err != nil {
		d.g.running.Done()
		return false
	}
	r.RemoteAddr = nc.RemoteAddr().String()
	v := &visit{nc: nc, request: r.WithContext(d.g.ctx)}
	select {
	case d.visits <- v:
	default:
		d.g.greeters.Go(func() { d.greet(v) })
	}
	return true
}

// greet serves a visit, and then, where few do so already, waits for more: its stack has grown by now, and a new
// goroutine's would have to.
func (d *door) greet(v *visit) {
	for {
		d.serve(v)
		select {
		case d.idle <- struct{}{}:
		default:
			return
		}
		select {
		case v = <-d.visits:
			<-d.idle
		case <-d.g.ctx.Done():
			return
		}
	}
}

// serve has the handler answer. It recovers what the handler throws, as net/http does: nothing below it would.
func (d *door) serve(v *visit) {
	defer d.g.running.Done()
	defer func() {
		failure := recover()
		if failure == nil {
			v.end()
			return
		}
		_ = v.nc.Close()
		if failure != http.ErrAbortHandler { //nolint:errorlint // a panic value, compared as net/http does
			d.g.opt.Log.Error("websocket: a handler failed; this is a bug", "addr", v.request.RemoteAddr, "cause", failure)
		}
	}()
	d.handler.ServeHTTP(v, v.request)
}

func isWebSocketHead(head []byte) bool {
	const end = "\r\n\r\n"
	return (bytes.HasPrefix(head, []byte("GET /ws?")) || bytes.HasPrefix(head, []byte("GET /ws "))) &&
		bytes.Index(head, []byte(end)) == len(head)-len(end)
}

func (d *door) parse(head []byte) (*http.Request, error) {
	d.source.Reset(head)
	d.reader.Reset(&d.source)
	return http.ReadRequest(d.reader)
}

// peek gives how much has arrived, and a copy of it in p. It does not wait.
func peek(raw syscall.RawConn, p []byte) (n int) {
	_ = raw.Control(func(fd uintptr) { n, _, _ = syscall.Recvfrom(int(fd), p, syscall.MSG_PEEK|syscall.MSG_DONTWAIT) })
	return max(n, 0)
}

// discard takes out of the socket what was peeked, using its memory.
func discard(raw syscall.RawConn, p []byte) (err error) {
	var n int
	closed := raw.Control(func(fd uintptr) { n, err = readSocket(int(fd), p) })
	switch {
	case closed != nil:
		return closed
	case err == nil && n < len(p):
		return os.ErrInvalid // cannot be: it was there
	}
	return err
}
