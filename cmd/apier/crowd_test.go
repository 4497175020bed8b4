package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// crowdTakes is more than a busy machine takes to open ten thousand connections, which may be minutes.
const crowdTakes = 5 * time.Minute

// TestTenThousandSilentConnectionsCostOthersNothing opens ten thousand connections that are sent every event, read none
// and say nothing. Another client that came before them, and one that comes after, are told of each event.
func TestTenThousandSilentConnectionsCostOthersNothing(t *testing.T) {
	t.Parallel()
	const silent, events, spare = 10_000, 50, 1000
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Cur < silent+spare {
		t.Skipf("a process may open %d files here, and this takes %d: ulimit -n %[2]d", files.Cur, silent+spare)
	}
	s := start(t, t.TempDir(), "--api-key", testKey, "--log-level", "warn", "--max-connections-per-user", "0", "--max-connections-per-ip", "0",
		"--silence-timeout", crowdTakes.String()) // who is silent stays for as long as the others come
	token := s.token(testKey)

	before := watch(t, s, token, events)
	openSilent(t, s, token, silent)
	after := watch(t, s, token, events)
	for i := range events {
		s.must(testKey, "POST", "/api/events", eventBody(i), nil)
	}
	for name, watched := range map[string]<-chan error{"who came before": before, "who came after": after} {
		if err := <-watched; err != nil {
			t.Errorf("%s: %v\n%s", name, err, s.log)
		}
	}
	var open struct{ Total int }
	if s.must(testKey, "GET", "/api/connections?limit=1", "", &open); open.Total < silent {
		t.Errorf("%d of %d silent connections are still open", open.Total, silent)
	}
}

// watch follows the server until it was told of so many events, and tells what kept it from that.
func watch(t *testing.T, s *process, token string, events int) <-chan error {
	t.Helper()
	begun, done := make(chan struct{}), make(chan error, 1)
	go func() {
		v, once := newView(token), sync.Once{}
		v.follows = crowdTakes
		_, err := v.follow(t, s, func() bool {
			if v.session != "" {
				once.Do(func() { close(begun) })
			}
			return len(v.status) == events
		})
		once.Do(func() { close(begun) })
		done <- err
	}()
	<-begun
	return done
}

// openSilent opens connections for as long as the test lasts.
func openSilent(t *testing.T, s *process, token string, n int) {
	t.Helper()
	host := strings.TrimPrefix(s.url, "http://")
	request := fmt.Appendf(nil, "GET /ws?token=%s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", token, host)
	conns := make([]net.Conn, n)
	t.Cleanup(func() {
		for _, conn := range conns {
			if conn != nil {
				conn.Close()
			}
		}
	})
	const openers = 50
	errs := make(chan error, openers)
	for opener := range openers {
		go func() {
			var err error
			for i := opener; i < n && err == nil; i += openers {
				conns[i], err = openOne(t, host, request)
			}
			errs <- err
		}()
	}
	for range openers {
		if err := <-errs; err != nil {
			t.Errorf("%v\n%s", err, s.log)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

func openOne(t *testing.T, host string, request []byte) (net.Conn, error) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", host)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // closing so many leaves no port waiting
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(request); err != nil {
		return conn, err
	}
	status := make([]byte, len("HTTP/1.1 101"))
	if _, err := io.ReadFull(conn, status); err != nil || !bytes.HasSuffix(status, []byte("101")) {
		return conn, fmt.Errorf("refused: %q %w", status, err)
	}
	return conn, nil
}
