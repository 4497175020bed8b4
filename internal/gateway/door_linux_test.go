package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/apier/apier"
)

// TestEveryShapeOfARequestIsServed: what the door does not take, net/http does.
func TestEveryShapeOfARequestIsServed(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	head := "GET /ws?token=good HTTP/1.1\r\nHost: " + b.addr + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	ping := string(ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(`{"type":"ping","id":"1"}`)))))
	for name, tc := range map[string]struct {
		parts  []string
		status int
		early  bool // a ping came with the request
	}{
		"whole":                  {[]string{head + "\r\n"}, 101, false},
		"in parts":               {[]string{head[:3], head[3:60], head[60:], "\r\n"}, 101, false},
		"with a frame":           {[]string{head + "\r\n" + ping}, 101, true},
		"long":                   {[]string{head + "X-Long: " + strings.Repeat("x", doorHead) + "\r\n\r\n"}, 101, false},
		"with a body":            {[]string{head + "Content-Length: 4\r\n\r\nbody"}, 426, false},
		"refused":                {[]string{strings.Replace(head, "good", "bad", 1) + "\r\n"}, 401, false},
		"without a host":         {[]string{strings.Replace(head, "Host: "+b.addr+"\r\n", "", 1) + "\r\n"}, 400, false},
		"of another version":     {[]string{strings.Replace(head, "Version: 13", "Version: 8", 1) + "\r\n"}, 426, false},
		"without a key":          {[]string{strings.Replace(head, "dGhlIHNhbXBsZSBub25jZQ==", "", 1) + "\r\n"}, 426, false},
		"no upgrade":             {[]string{"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n"}, 426, false},
		"of nothing known":       {[]string{"BREW /ws HTTP/1.1\r\nHost: x\r\n\r\n"}, 405, false},
		"no request, but a head": {[]string{"GET /ws x\r\n\r\n"}, 400, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", b.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			_ = nc.SetDeadline(time.Now().Add(patience))
			for _, part := range tc.parts {
				if _, err := io.WriteString(nc, part); err != nil {
					t.Fatal(err)
				}
			}
			r := bufio.NewReader(nc)
			res, err := http.ReadResponse(r, nil)
			if err != nil || res.StatusCode != tc.status {
				t.Fatalf("got %v %v, want %d", res, err, tc.status)
			}
			if tc.status != http.StatusSwitchingProtocols {
				if _, err := io.ReadAll(res.Body); err != nil {
					t.Errorf("the answer is not whole: %v", err)
				}
				return
			}
			c := &client{t: t, conn: nc, r: r}
			if tc.early {
				c.expect(apier.FramePong)
			}
			c.sync()
		})
	}
}

// TestIdleConnectionsHoldNoGoroutine is about what an idle connection costs; bench/ has the bytes.
func TestIdleConnectionsHoldNoGoroutine(t *testing.T) { //nolint:paralleltest // it counts goroutines
	if portable {
		t.Skip("without epoll each connection has a goroutine")
	}
	b := newBench(t, Options{})
	const count = 300
	before := runtime.NumGoroutine()
	for i := range count {
		b.dial(t, fmt.Sprintf("token=good&n=%d", i)).sync()
	}
	waitFor(t, func() bool { return runtime.NumGoroutine() < before+count/4 })
	if n := b.g.Connections(); n != count {
		t.Errorf("%d connections are open", n)
	}
}

func TestACloseThatIsNotAnsweredEndsAnyway(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{CloseTimeout: 20 * time.Millisecond, SweepEvery: time.Millisecond})
	c := b.dial(t, "token=good")
	c.write(ws.NewBinaryFrame([]byte("x"))) // closed with 1003
	for {
		f, err := c.frame()
		if err != nil {
			t.Fatalf("no close frame: %v", err)
		}
		if f.Header.OpCode == ws.OpClose {
			break
		}
	}
	waitFor(t, func() bool { return b.g.Connections() == 0 }) // though the client says nothing and stays
	if _, err := c.frame(); err == nil {
		t.Error("the server goes on after its close frame")
	}
}
