package client

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/apier/apier"
)

// fakeServer speaks as much of the protocol as a test tells it to.
type fakeServer struct {
	*httptest.Server
	t     *testing.T
	conns chan *fakeConn
	// refuse answers an upgrade in place of accepting it; false: accept.
	refuse func(http.ResponseWriter, *http.Request) bool
}

// fakeConn is the server's end of one connection.
type fakeConn struct {
	t       *testing.T
	ws      *websocket.Conn
	request *http.Request
	frames  chan map[string]any // what the client sent
	ended   chan struct{}       // the client is gone
}

const patience = time.Minute

func newFakeServer(t *testing.T) *fakeServer {
	t.Helper()
	s := &fakeServer{t: t, conns: make(chan *fakeConn, 16)}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

// newFakeServerInMemory is one without sockets: in a bubble of synctest no machine is too slow for it. network finds it.
func newFakeServerInMemory(t *testing.T) (s *fakeServer, network *http.Client) {
	t.Helper()
	m := &memory{conns: make(chan net.Conn), closed: make(chan struct{})}
	transport := &http.Transport{DialContext: m.dial}
	s = &fakeServer{t: t, conns: make(chan *fakeConn, 16)}
	s.Server = &httptest.Server{Listener: m, Config: &http.Server{Handler: http.HandlerFunc(s.serve)}} //nolint:gosec // it waits for nobody
	s.Start()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		s.Close()
	})
	return s, &http.Client{Transport: transport}
}

// memory is a network of one server.
type memory struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (m *memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case m.conns <- theirs:
		return ours, nil
	case <-m.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (m *memory) Accept() (net.Conn, error) {
	select {
	case conn := <-m.conns:
		return conn, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error {
	m.once.Do(func() { close(m.closed) })
	return nil
}

func (m *memory) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (s *fakeServer) serve(w http.ResponseWriter, r *http.Request) {
	if s.refuse != nil && s.refuse(w, r) {
		return
	}
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = ws.CloseNow() }()
	c := &fakeConn{t: s.t, ws: ws, request: r, frames: make(chan map[string]any, 64), ended: make(chan struct{})}
	s.conns <- c
	defer close(c.ended)
	for {
		_, raw, err := ws.Read(context.WithoutCancel(r.Context()))
		if err != nil {
			return
		}
		frame := map[string]any{}
		if json.Unmarshal(raw, &frame) == nil {
			c.frames <- frame
		}
	}
}

func (s *fakeServer) next() *fakeConn {
	s.t.Helper()
	return receive(s.t, s.conns, "a connection")
}

func (c *fakeConn) send(text string) {
	c.t.Helper()
	if err := c.ws.Write(c.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		c.t.Errorf("send: %v", err)
	}
}

func (c *fakeConn) greet(session string, seq int, resumed bool) *fakeConn {
	c.t.Helper()
	return c.greetOn(session, seq, resumed, "events")
}

func (c *fakeConn) greetOn(session string, seq int, resumed bool, channels ...string) *fakeConn {
	c.t.Helper()
	raw, _ := json.Marshal(map[string]any{"type": "session", "data": map[string]any{
		"session": session, "epoch": "e", "seq": seq, "resumed": resumed, "channels": channels,
	}})
	c.send(string(raw))
	return c
}

func (c *fakeConn) update(id string, seq int) {
	c.t.Helper()
	raw, _ := json.Marshal(map[string]any{"type": "event_update", "channel": "events", "seq": seq, "data": map[string]any{
		"id": id, "type": "order.created", "status": "delivered",
	}})
	c.send(string(raw))
}

// end closes with a code, without waiting for the client's answer.
func (c *fakeConn) end(code apier.CloseCode, reason string) {
	go func() { _ = c.ws.Close(websocket.StatusCode(code), reason) }()
}

func receive[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v, ok := <-from:
		if !ok {
			t.Fatalf("%s: the channel is closed", what)
		}
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

func newTestClient(t *testing.T, address string, o Options) *Client {
	t.Helper()
	if o.InitialReconnectDelay == 0 {
		o.InitialReconnectDelay = time.Millisecond
	}
	if o.MaxReconnectDelay == 0 {
		o.MaxReconnectDelay = time.Millisecond
	}
	o.Jitter = JitterFull
	c, err := New(address, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// recorder notes what a Live tells.
type recorder struct {
	notes chan string
}

func record(o *LiveOptions) *recorder {
	r := &recorder{notes: make(chan string, 256)}
	o.OnOpen = func(*Live) { r.notes <- "open" }
	o.OnClose = func() { r.notes <- "close" }
	o.OnChange = func(c Change) { r.notes <- "change " + string(c.Event.ID) }
	o.OnMetrics = func(apier.Metrics) { r.notes <- "metrics" }
	o.OnResync = func(reason ResyncReason, _ Cursor) { r.notes <- "resync " + string(reason) }
	o.OnStatus = func(s Status) {
		if s.State == Stopped || s.State == Disconnected {
			r.notes <- string(s.State)
		}
	}
	return r
}

func (r *recorder) want(t *testing.T, notes ...string) {
	t.Helper()
	for i, want := range notes {
		if got := receive(t, r.notes, want); got != want {
			t.Fatalf("%q came, want %q of %s", got, want, strings.Join(notes[i:], ", "))
		}
	}
}
