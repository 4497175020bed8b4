package server

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"
)

// oneRequest is a client that keeps no connection.
func oneRequest() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}

// eventually waits until something holds, without a pause: what is asked yields by itself.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("it never came: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// dialNarrow connects with little room for what arrives, so that an answer that is not read soon stands still.
func dialNarrow(t *testing.T, s *Server) net.Conn {
	t.Helper()
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
	}}
	nc, err := d.DialContext(t.Context(), "tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(patience))
	return nc
}

// FAULTS G5: answers that nobody reads take a bounded share of memory for a bounded time, and others are served.
func TestAnswersThatNobodyReadsAreBounded(t *testing.T) {
	t.Parallel()
	const budget = 32 << 20
	s, token := running(t, Options{MemoryBudget: budget, MaxBatchBytes: 8 << 20, WriteTimeout: time.Hour})
	payload := strings.Repeat("x", 250<<10)
	for range 4 {
		batch := make([]string, 10)
		for i := range batch {
			batch[i] = fmt.Sprintf(`{"type":"a","source":"s","payload":{"x":%q}}`, payload)
		}
		call(t, s, "/api/events/batch", token, "["+strings.Join(batch, ",")+"]", &struct{}{})
	}
	for i := range 20 {
		nc := dialNarrow(t, s)
		path := "/api/events?limit=100"
		if i%2 == 0 {
			path = "/api/events/export"
		}
		fmt.Fprintf(nc, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", path, token)
	}
	eventually(t, "the budget of the user is used, and others are refused", func() bool {
		used, refused := s.memory.Usage()
		return used > 0 && refused > 0
	})
	if used, _ := s.memory.Usage(); used > budget {
		t.Errorf("%d bytes are in use of a budget of %d", used, budget)
	}
	res, err := oneRequest().Get(s.LocalURL() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("a health check: %d", res.StatusCode)
	}
}

// The share is given back when an answer makes no progress, and the server ends though nobody reads.
func TestAnAnswerThatIsNotReadEnds(t *testing.T) {
	t.Parallel()
	s, token := running(t, Options{WriteTimeout: 50 * time.Millisecond})
	call(t, s, "/api/events", token, `{"type":"a","source":"s","payload":{"x":"`+strings.Repeat("x", 250<<10)+`"}}`, &struct{}{})
	nc := dialNarrow(t, s)
	for range 40 { // more than fits into the sockets' buffers
		fmt.Fprintf(nc, "GET /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", token)
	}
	eventually(t, "the memory is given back", func() bool {
		used, _ := s.memory.Usage()
		s.limits.mu.Lock()
		defer s.limits.mu.Unlock()
		return used == 0 && len(s.limits.conns) == 0
	})
}

// A reader that is slow, but reads, gets all of it.
func TestASlowReaderIsServedToTheEnd(t *testing.T) {
	t.Parallel()
	const size = 4 << 20
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		withProgress(w, r, patience, func(w http.ResponseWriter, _ *http.Request) {
			n, err := w.Write(make([]byte, size))
			if n != size || err != nil {
				t.Errorf("wrote %d: %v", n, err)
			}
		})
	}))
	defer web.Close()
	res, err := oneRequest().Get(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if n, err := io.Copy(io.Discard, res.Body); n != size || err != nil {
		t.Errorf("read %d: %v", n, err)
	}
}

// FAULTS A8: a client that waits for 100 Continue gets the refusal in its place.
func TestABodyThatIsTooLongIsRefusedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	s, token := running(t, Options{MaxPayloadBytes: 256 << 10, MaxBatchBytes: 8 << 20})
	for path, want := range map[string]int{
		"/api/events": 413, "/api/events/batch": 413, "/api/endpoints": 413, "/api/webhook": 413,
		"/api/token": 400, // as RFC 6749 has it
	} {
		nc := dialNarrow(t, s)
		fmt.Fprintf(nc, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n",
			path, token, map[bool]string{true: "application/x-www-form-urlencoded", false: "application/json"}[path == "/api/token"])
		res, err := http.ReadResponse(bufio.NewReader(nc), nil)
		if err != nil || res.StatusCode != want {
			t.Errorf("%s: %v %v", path, res, err)
		}
	}
}

// FAULTS G7: idle connections of one address, or of all, take nothing from others; health checks are answered, and who is
// refused can read why.
func TestPlainConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	s, token := running(t, Options{MaxHTTPConnections: 8, MaxHTTPConnectionsPerIP: 4})
	idle := make([]net.Conn, 4)
	for i := range idle {
		idle[i] = dialNarrow(t, s)
		fmt.Fprintf(idle[i], "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		if res, err := http.ReadResponse(bufio.NewReader(idle[i]), nil); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("connection %d: %v %v", i, res, err)
		}
	}
	ask := func(path string) (int, string) {
		nc := dialNarrow(t, s)
		defer nc.Close()
		fmt.Fprintf(nc, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", path, token)
		res, err := http.ReadResponse(bufio.NewReader(nc), nil)
		if err != nil {
			return 0, err.Error()
		}
		text, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(text)
	}
	if status, text := ask("/api/events"); status != http.StatusServiceUnavailable || !strings.Contains(text, "--max-http-connections-per-ip") {
		t.Errorf("beyond the limit: %d %s", status, text)
	}
	eventually(t, "a health check is answered beyond the limit", func() bool {
		status, _ := ask("/healthz")
		return status == http.StatusOK
	})
	idle[0].Close()
	eventually(t, "a place is given back", func() bool {
		status, _ := ask("/api/events")
		return status == http.StatusOK
	})
}

// One address holds half of the places at most, and spare connections are few.
func TestTheSharesOfPlainConnections(t *testing.T) {
	t.Parallel()
	l := newHTTPLimits(Options{MaxHTTPConnectionsPerIP: 1000, TrustedProxies: []string{"192.0.2.9"}}, 8, slog.New(slog.DiscardHandler))
	var held []net.Conn
	from := func(addr string) net.Conn {
		nc := addressed{addr: addr, closed: new(bool)}
		held = append(held, nc)
		return nc
	}
	admitted := func(addr string, n int) (regular, spare int) {
		for range n {
			nc := from(addr)
			if l.admit(nc); l.conns[nc].spare {
				spare++
			} else {
				regular++
			}
		}
		return regular, spare - closed(held[len(held)-n:])
	}
	for _, tc := range []struct {
		addr           string
		n              int
		regular, spare int
	}{
		{"[2001:db8::1]:1", 3, 3, 0},
		{"[2001:db8::2]:1", 10, 1, spareConnectionsPerIP}, // of the same network
		{"192.0.2.1:1", 2, 2, 0},
		{"192.0.2.9:1", 5, 2, 3}, // a proxy, of whose clients nothing is known: only the limit in all counts
		{"192.0.2.2:1", 1, 0, 1},
	} {
		if regular, spare := admitted(tc.addr, tc.n); regular != tc.regular || spare != tc.spare {
			t.Errorf("%s: %d regular and %d spare, want %+v", tc.addr, regular, spare, tc)
		}
	}
	for _, nc := range held {
		l.track(nc, http.StateClosed)
		l.track(nc, http.StateClosed) // twice is harmless
	}
	if len(l.conns)+len(l.byIP)+len(l.spareIPs)+len(l.spares) != 0 {
		t.Errorf("places are still held: %+v", l)
	}
}

// addressed is a connection of which nothing but the remote address is known.
type addressed struct {
	net.Conn
	addr   string
	closed *bool
}

func (a addressed) Close() error {
	*a.closed = true
	return nil
}

func closed(conns []net.Conn) (n int) {
	for _, nc := range conns {
		if *nc.(addressed).closed {
			n++
		}
	}
	return n
}

// Whoever holds spare connections and says nothing, from one address or from many, keeps no health check out: the
// oldest of those who have most makes room.
func TestASilentSpareConnectionMakesRoom(t *testing.T) {
	t.Parallel()
	l := newHTTPLimits(Options{}, 1, slog.New(slog.DiscardHandler))
	admit := func(addr string) addressed {
		nc := addressed{addr: addr, closed: new(bool)}
		l.admit(nc)
		return nc
	}
	admit("192.0.2.1:1") // the one place
	single := admit("192.0.2.2:1")
	var many []net.Conn
	for i := range spareConnections {
		many = append(many, admit(fmt.Sprintf("198.51.100.%d:1", 1+i/spareConnectionsPerIP)))
	}
	check := admit("192.0.2.3:1")
	if *single.closed || *check.closed || closed(many) != 2 || !*many[0].(addressed).closed {
		t.Errorf("the single one closed: %v, the check: %v, of the many: %d", *single.closed, *check.closed, closed(many))
	}
	if admit("198.51.100.9:1"); closed(many) != 3 || len(l.spares) != spareConnections {
		t.Errorf("%d of the many are closed, %d are spare", closed(many), len(l.spares))
	}
}

func (a addressed) RemoteAddr() net.Addr { return textAddr(a.addr) }

type textAddr string

func (textAddr) Network() string  { return "tcp" }
func (a textAddr) String() string { return string(a) }

// FAULTS D4: where the process may open few files, the limits fit into them, with room for webhooks and the database, and
// the start says so.
func TestConnectionsFitIntoTheFilesThatMayBeOpen(t *testing.T) {
	t.Parallel()
	o := Options{MaxConnections: 50_000, MaxHTTPConnections: 10_000, DeliveryMaxInFlight: 512}
	for files, warned := range map[int]bool{0: false, 64: true, 1024: true, 20_000: true, 1 << 20: false} {
		var out lockedBuffer
		s := o.shareSockets(files, slog.New(slog.NewTextHandler(&out, nil)))
		if got := strings.Contains(out.String(), "level=WARN") && strings.Contains(out.String(), "ulimit -n"); got != warned {
			t.Errorf("%d files: warned is %v: %s", files, got, out.String())
		}
		if files > 0 && (s.http+s.webSockets+ownFiles > files || s.http < 1 || s.webSockets < 1) {
			t.Errorf("%d files: %+v", files, s)
		}
		if !warned && (s.http != o.MaxHTTPConnections || s.webSockets != o.MaxConnections) {
			t.Errorf("%d files: %+v", files, s)
		}
	}
}

// FAULTS D4: what keeps everybody out is said at WARN.
func TestRunningOutOfFilesIsAWarning(t *testing.T) {
	t.Parallel()
	var out lockedBuffer
	l := newHTTPLimits(Options{}, 0, slog.New(slog.NewTextHandler(&out, nil)))
	_, err := l.listener(exhausted{}).Accept()
	if err == nil || !strings.Contains(out.String(), "level=WARN") || !strings.Contains(out.String(), "LimitNOFILE") {
		t.Errorf("%v: %s", err, out.String())
	}
}

// exhausted is a listener of a process that has all its files open.
type exhausted struct{ net.Listener }

func (exhausted) Accept() (net.Conn, error) {
	return nil, &net.OpError{Op: "accept", Err: fmt.Errorf("accept4: %w", syscall.EMFILE)}
}
