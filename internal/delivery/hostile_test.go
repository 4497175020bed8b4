package delivery

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apier/apier"
)

// repeat writes a text again and again, after pauses, until the connection ends.
func repeat(conn net.Conn, text string, pause time.Duration) {
	for {
		if _, err := io.WriteString(conn, text); err != nil {
			return
		}
		time.Sleep(pause)
	}
}

// readRequest reads a request as far as its body.
func readRequest(conn net.Conn) {
	if req, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
		_, _ = io.Copy(io.Discard, req.Body)
	}
}

// answering returns a receiver that reads the request, says something and then goes on with something else for ever.
func answering(text, more string, pause time.Duration) func(net.Conn) {
	return func(conn net.Conn) {
		readRequest(conn)
		_, _ = io.WriteString(conn, text)
		if more == "" {
			_, _ = io.Copy(io.Discard, conn) // until it is closed
			return
		}
		repeat(conn, more, pause)
	}
}

// hostileSender is a sender whose connections lead to a receiver. receivers ends with the last of them.
func hostileSender(t *testing.T, receiver func(net.Conn)) (s *sender, receivers *sync.WaitGroup) {
	t.Helper()
	s, receivers = newSender(open(), 512, time.Now), &sync.WaitGroup{}
	transport, ok := s.client.Transport.(*http.Transport)
	if !ok {
		t.Fatal("another transport")
	}
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		receivers.Go(func() {
			defer theirs.Close()
			receiver(theirs)
		})
		return timed(ours, dialBefore(ctx)), nil
	}
	return s, receivers
}

// Whatever a receiver does with the connection, the attempt ends in its time and the connection with it.
func TestHostileReceivers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		url      string
		receiver func(net.Conn)
		kind     apier.ErrorKind
		words    string
	}{
		"101, then silence":      {"http://a.example", answering("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "", 0), apier.ErrorProtocol, "101"},
		"101, then talk":         {"http://a.example", answering("HTTP/1.1 101 Switching Protocols\r\n\r\n", "x", time.Second), apier.ErrorProtocol, "101"},
		"interim answers":        {"http://a.example", answering("", "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n", time.Millisecond), apier.ErrorProtocol, "interim"},
		"slow interim answers":   {"http://a.example", answering("", "HTTP/1.1 102 Processing\r\n\r\n", time.Second), apier.ErrorTimeout, "in time"},
		"100 again and again":    {"http://a.example", answering("", "HTTP/1.1 100 Continue\r\n\r\n", time.Millisecond), apier.ErrorProtocol, "interim"},
		"headers without end":    {"http://a.example", answering("HTTP/1.1 200 OK\r\n", "X-A: b\r\n", time.Second), apier.ErrorTimeout, "in time"},
		"one header without end": {"http://a.example", answering("HTTP/1.1 200 OK\r\nX-A: ", "b", time.Second), apier.ErrorTimeout, "in time"},
		"huge headers":           {"http://a.example", answering("HTTP/1.1 200 OK\r\n", "X-A: "+strings.Repeat("b", 1000)+"\r\n", 0), apier.ErrorTooLarge, "64 KiB"},
		"a slow body":            {"http://a.example", answering("HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n", "x", time.Second), apier.ErrorHTTP5xx, "500"},
		"a slow chunked body":    {"http://a.example", answering("HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", time.Second), apier.ErrorHTTP5xx, "500"},
		"trailers without end":   {"http://a.example", answering("HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X-A: b\r\n", time.Second), apier.ErrorHTTP5xx, "500"},
		"never reads":            {"http://a.example", func(net.Conn) { time.Sleep(time.Minute) }, apier.ErrorTimeout, "no answer in time"},
		"a TLS handshake hangs":  {"https://a.example", func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }, apier.ErrorTimeout, "TLS handshake"},
		"TLS, one byte a second": {"https://a.example", answering("\x16\x03\x03\x02\x00", "\x02", time.Second), apier.ErrorTimeout, "TLS handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, receivers := hostileSender(t, c.receiver)
				defer receivers.Wait()
				defer s.close()
				a, _, fault := s.send(t.Context(), messageTo(c.url, 10_000))
				if fault != nil || a.ErrorKind != c.kind || !strings.Contains(a.ErrorMessage, c.words) || a.DurationMS > 10_000+ms(connGrace) {
					t.Errorf("%v %s %q after %v ms", fault, a.ErrorKind, a.ErrorMessage, a.DurationMS)
				}
			})
		})
	}
}

// A connection ends with the last attempt that holds it, also where nobody reads it for the attempt any more.
func TestConnectionsEndWithTheirAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		conn := timed(ours, time.Now().Add(time.Second))
		defer conn.Close()
		hold := func(after time.Duration) *connHold {
			ctx, cancel := context.WithTimeout(t.Context(), after)
			t.Cleanup(cancel)
			_, h := holdConns(ctx)
			h.take(conn)
			return h
		}
		read := func() time.Duration {
			began := time.Now()
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("read: %v", err)
			}
			return time.Since(began)
		}
		first, second := hold(5*time.Second), hold(2*time.Second)
		if got := read(); got != 5*time.Second+connGrace {
			t.Errorf("with two it lasts %v", got)
		}
		first.release()
		first.take(conn) // too late
		second.release()
		third := hold(3 * time.Second)
		if got := read(); got != 3*time.Second+connGrace {
			t.Errorf("the next has %v", got)
		}
		third.release()
		go func() { time.Sleep(time.Hour); _, _ = theirs.Write([]byte("x")) }()
		if n, err := conn.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("idle: %v", err)
		}
	})
}

// An attempt that ignores its time and its end loses its place, is counted, and is told of once.
func TestWatchdogFreesAPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log syncBuilder
		release := make(chan struct{})
		defer close(release)
		d := New(nil, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		defer d.abort()
		d.send = func(context.Context, message) (apier.Attempt, http.Header, error) {
			<-release
			return apier.Attempt{}, nil, nil
		}
		a, _, fault := d.sendInTime(d.live, messageTo("http://a.example", 10_000), []any{"delivery", "dlv_1"})
		if fault != nil || a.ErrorKind != apier.ErrorTimeout || a.DurationMS != 12_000 || a.StartedAt == 0 {
			t.Errorf("%v %+v", fault, a)
		}
		if text := log.String(); strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, "delivery=dlv_1") {
			t.Errorf("the log says %q", text)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if a, _, _ := d.sendInTime(ctx, messageTo("http://a.example", 10_000), nil); a.DurationMS != ms(abortedAfter) {
			t.Errorf("told to end, it ends after %v ms", a.DurationMS)
		}
	})
}

type syncBuilder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *syncBuilder) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuilder) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// Tests have places of their own, which one tenant cannot take all.
func TestTestsAreBounded(t *testing.T) {
	t.Parallel()
	s := openSQLite(t, nil)
	defer func() { _ = s.Close() }()
	d := New(s, Options{MaxInFlight: 8 * testsShare})
	began, release := make(chan struct{}, 8), make(chan struct{})
	d.send = func(context.Context, message) (apier.Attempt, http.Header, error) {
		began <- struct{}{}
		<-release
		return apier.Attempt{StatusCode: http.StatusOK}, nil, nil
	}
	test := func(tenant apier.TenantID) error {
		e, err := s.CreateEndpoint(t.Context(), tenant, apier.Endpoint{URL: "https://shop.example", TimeoutMS: apier.TimeoutLimitMS}.WithDefaults(), []byte("secret"))
		if err == nil {
			_, err = d.Test(t.Context(), tenant, e.ID, apier.NewEvent{Type: "a.b"})
		}
		return err
	}
	var tests sync.WaitGroup
	for range 6 {
		tests.Go(func() {
			if err := test("greedy"); err != nil {
				t.Error(err)
			}
		})
		<-began
	}
	if err := test("greedy"); apier.AsError(err).Code != apier.CodeUnavailable || !strings.Contains(err.Error(), "--delivery-max-in-flight") {
		t.Errorf("one too many: %v", err)
	}
	tests.Go(func() {
		if err := test(acme); err != nil {
			t.Errorf("another tenant's: %v", err)
		}
	})
	<-began
	close(release)
	tests.Wait()
}
