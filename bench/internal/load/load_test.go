//go:build linux

package load

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apier/apier/bench/internal/wire"
)

// crowd makes clients at the end of socket pairs, and gives their other ends.
func crowd(t *testing.T, n int) (*Crowd, []int) {
	t.Helper()
	clients, servers := make([]client, n), make([]int, n)
	for i := range n {
		pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		clients[i].fd, servers[i] = pair[0], pair[1]
		t.Cleanup(func() { _ = syscall.Close(pair[1]) })
	}
	c, err := newCrowd(clients)
	if err != nil {
		t.Fatal(err)
	}
	return c, servers
}

func frame(numbers ...int) []byte {
	var payload []byte
	for _, n := range numbers {
		payload = append(wire.AppendPayload(payload, time.Now().UnixNano(), n, 250), ',')
	}
	return wire.AppendFrame(nil, wire.OpText, payload)
}

func write(t *testing.T, fd int, p []byte) {
	t.Helper()
	if _, err := syscall.Write(fd, p); err != nil {
		t.Fatal(err)
	}
}

func TestEveryClientSeesEveryEventHoweverItIsCut(t *testing.T) {
	t.Parallel()
	c, servers := crowd(t, 3)
	c.Expect(4, true)
	for _, fd := range servers {
		whole := append(append(frame(0), frame(1, 2)...), frame(3)...)
		for len(whole) > 0 {
			n := min(len(whole), 70)
			write(t, fd, whole[:n])
			whole = whole[n:]
		}
	}
	if err := c.Await(t.Context(), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if got := len(c.Latencies()); got != 12 {
		t.Errorf("%d latencies, want 12", got)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestLossAndRepetitionFail(t *testing.T) {
	t.Parallel()
	for name, numbers := range map[string][]int{"lost": {0, 2}, "doubled": {0, 0}, "swapped": {1, 0}} {
		c, servers := crowd(t, 1)
		c.Expect(3, false)
		for _, n := range numbers {
			write(t, servers[0], frame(n))
		}
		if err := c.Await(t.Context(), 5*time.Second); err == nil || !strings.Contains(err.Error(), "was due") {
			t.Errorf("%s: %v", name, err)
		}
		if c.Close() == nil {
			t.Errorf("%s: forgotten at the end", name)
		}
	}
}

func TestAMissingEventIsReportedAfterTheTimeout(t *testing.T) {
	t.Parallel()
	c, servers := crowd(t, 2)
	c.Expect(1, false)
	write(t, servers[0], frame(0))
	if err := c.Await(t.Context(), 50*time.Millisecond); err == nil || !strings.Contains(err.Error(), "of 2 clients") {
		t.Error(err)
	}
	_ = c.Close()
}

func TestPingIsAnswered(t *testing.T) {
	t.Parallel()
	c, servers := crowd(t, 1)
	write(t, servers[0], wire.AppendFrame(nil, wire.OpPing, []byte("x")))
	buf := make([]byte, 16)
	if n, err := syscall.Read(servers[0], buf); err != nil || string(buf[:n]) != "\x8a\x81\x00\x00\x00\x00x" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func port(server *httptest.Server) int {
	return server.Listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // httptest listens on tcp
}

func TestHammerCountsAnswersAndRefusesOthers(t *testing.T) {
	t.Parallel()
	status := http.StatusCreated
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"id":"evt_1"}`))
	}))
	defer server.Close()
	blows := func() (Blows, error) {
		h, err := NewHammer(port(server), 4, []byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		return h.Run(context.Background(), 50*time.Millisecond)
	}
	b, err := blows()
	if err != nil || b.Answers < 4 || len(b.Latencies) != b.Answers {
		t.Errorf("%d answers, %d latencies, %v", b.Answers, len(b.Latencies), err)
	}
	status = http.StatusServiceUnavailable
	if _, err := blows(); err == nil || !strings.Contains(err.Error(), "503") {
		t.Error(err)
	}
}
