package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hangingReceiver takes webhooks and never ends a connection. At /switch it answers 101, at /good 204, at other paths
// nothing.
func hangingReceiver(t *testing.T) (url string, arrived chan string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	arrived = make(chan string, 1000)
	serve := func(conn net.Conn) {
		defer conn.Close()
		for in := bufio.NewReader(conn); ; {
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			switch arrived <- req.URL.Path; req.URL.Path {
			case "/switch":
				_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			case "/good":
				_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
			}
		}
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return "http://" + l.Addr().String(), arrived
}

type sentAttempt struct {
	Number       int
	StatusCode   int     `json:"status_code"`
	ErrorKind    string  `json:"error_kind"`
	ErrorMessage string  `json:"error_message"`
	StartedAt    string  `json:"started_at"`
	DurationMS   float64 `json:"duration_ms"`
}

// An answer of 101 is a failure as any other: it is counted, shown and tried again, and another address is used.
func TestSwitchingProtocolsIsAFailedAttempt(t *testing.T) {
	t.Parallel()
	receiver, arrived := hangingReceiver(t)
	s := start(t, t.TempDir(), "--api-key", testKey, "--allow-private-endpoints")
	var endpoint struct{ ID string }
	s.must(testKey, "POST", "/api/endpoints", `{"url":"`+receiver+`/switch","timeout_ms":1000,"max_in_flight":1,"retry_schedule_ms":[0,0,3600000,0]}`, &endpoint)
	var tried sentAttempt
	s.must(testKey, "POST", "/api/endpoints/"+endpoint.ID+"/test", `{}`, &tried)
	if tried.ErrorKind != "protocol" || tried.StatusCode != 101 {
		t.Errorf("the test says %+v", tried)
	}
	s.must(testKey, "POST", "/api/events", eventBody(1), nil)
	for range 3 { // of the test and of two attempts
		<-arrived
	}
	var page struct {
		Deliveries []struct {
			ID       string
			Attempts int
		}
	}
	for len(page.Deliveries) == 0 || page.Deliveries[0].Attempts < 2 {
		s.must(testKey, "GET", "/api/endpoints/"+endpoint.ID+"/deliveries", "", &page)
	}
	var list struct{ Attempts []sentAttempt }
	s.must(testKey, "GET", "/api/deliveries/"+page.Deliveries[0].ID+"/attempts", "", &list)
	for _, a := range list.Attempts {
		if a.ErrorKind != "protocol" || a.StatusCode != 101 || a.DurationMS <= 0 || a.StartedAt == "" {
			t.Errorf("recorded %+v", a)
		}
	}
	s.must(testKey, "PATCH", "/api/endpoints/"+endpoint.ID, `{"url":"`+receiver+`/good"}`, nil)
	s.must(testKey, "POST", "/api/events", eventBody(2), nil)
	for path := ""; path != "/good"; {
		path = <-arrived
	}
}

// Whatever hangs, SIGTERM ends the process in order: attempts, tests, long polls, exports that nobody reads, sockets.
func TestNothingThatHangsKeepsTheProcess(t *testing.T) {
	t.Parallel()
	receiver, arrived := hangingReceiver(t)
	s := start(t, t.TempDir(), "--api-key", testKey, "--allow-private-endpoints", "--drain-timeout", "200ms")
	s.must(testKey, "PUT", "/api/inbox/groups/idle", `{"types":["never.*"]}`, nil)
	for i := range 30 { // for the export: more than the buffers of a connection hold
		s.must(testKey, "POST", "/api/events", fmt.Sprintf(`{"type":"large.event","source":"test","payload":{"n":%d,"s":%q}}`, i, strings.Repeat("x", 200<<10)), nil)
	}
	var endpoint struct{ ID string }
	for _, path := range []string{"/switch", "/silent"} {
		s.must(testKey, "POST", "/api/endpoints", `{"url":"`+receiver+path+`","timeout_ms":60000,"types":["order.*"]}`, &endpoint)
	}
	s.must(testKey, "POST", "/api/events", eventBody(1), nil)
	s.hang("POST", "/api/endpoints/"+endpoint.ID+"/test", "Content-Length: 0\r\n")
	s.hang("GET", "/api/inbox?group=idle&lease_seconds=30&wait_seconds=30", "")
	s.hang("GET", "/api/inbox?group=idle&wait_seconds=30", "")
	export := s.hang("GET", "/api/events/export", "")
	socket := s.hang("GET", "/ws?v=1&token="+url.QueryEscape(s.token(testKey)), "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
	for _, conn := range []net.Conn{export, socket} { // has begun, and is not read any further
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	for silent := 0; silent < 2; { // the attempt and the test
		if <-arrived == "/silent" {
			silent++
		}
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = s.cmd.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(patience): // far less than what hangs would take
		_ = s.cmd.Process.Kill()
		<-ended
		t.Fatalf("it does not end:\n%s", s.log)
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 || strings.Contains(s.log.String(), "left behind") {
		t.Errorf("it ends with %d:\n%s", code, s.log)
	}
}

// hang sends a request on a connection of its own, which nobody reads.
func (s *process) hang(method, path, headers string) net.Conn {
	s.t.Helper()
	address := strings.TrimPrefix(s.url, "http://")
	conn, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.(*net.TCPConn).SetReadBuffer(4096)
	if _, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n%s\r\n", method, path, address, testKey, headers); err != nil {
		s.t.Fatal(err)
	}
	return conn
}
