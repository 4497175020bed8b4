package gateway

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
)

// FAULTS D1: a page's client that knows no close codes would count an upgrade as success and come back at once for ever.
func TestThePlainDialectIsRefusedWithAStatus(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{MaxConnectionsPerUser: 1})
	b.dial(t, "token=good").sync()
	origin := "Origin: http://" + b.addr
	for query, status := range map[string]int{"token=bad": 401, "": 401, "token=writer": 403, "token=good": 429} {
		c, res := b.tryDial(t, query, origin)
		if c != nil || res.StatusCode != status {
			t.Errorf("plain %q: got %d, want %d", query, res.StatusCode, status)
		}
		if _, res := b.tryDial(t, "v=1&"+query, origin); res.StatusCode != http.StatusSwitchingProtocols {
			t.Errorf("v1 %q: got %d; a page can read a close code only", query, res.StatusCode)
		}
	}
}

// FAULTS D3: a step of the wall clock ends no connection, and keeps none that is mute.
func TestAStepOfTheClockEndsNobody(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]time.Duration{"+61 s": 61 * time.Second, "−1 h": -time.Hour, "+10 years": 87660 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var wall, steady atomic.Int64
			wall.Store(time.Now().UnixNano())
			steady.Store(int64(time.Hour))
			b := newBench(t, Options{
				SweepEvery: time.Hour, // the test sweeps
				Now:        func() time.Time { return time.Unix(0, wall.Load()) },
				Steady:     func() time.Duration { return time.Duration(steady.Load()) },
			})
			c := b.dial(t, "token=good&channels=")
			c.sync()
			wall.Add(int64(step))
			b.g.sweepOnce()
			c.sync() // it is still there
			steady.Add(int64(61 * time.Second))
			b.g.sweepOnce()
			c.expectClose(apier.CloseTimeout)
		})
	}
}

// FAULTS D5: one IPv6 network counts as one address.
func TestAnIPv6NetworkIsOneAddress(t *testing.T) {
	t.Parallel()
	l := newLimits(Options{MaxConnectionsPerIP: 2, MaxUnauthenticatedIP: 1})
	for i, addr := range []string{"2001:db8::1", "2001:db8::2"} {
		if full := l.acquire(user{"t", "u"}, addr); full != nil {
			t.Fatalf("connection %d: %v", i, full)
		}
	}
	if l.acquire(user{"t", "u"}, "2001:db8::3") == nil {
		t.Error("a third address of the same /64 was let in")
	}
	if full := l.acquire(user{"t", "u"}, "2001:db8:0:1::1"); full != nil {
		t.Errorf("another /64: %v", full)
	}
	if l.acquire(user{"t", "u"}, "::ffff:192.0.2.1") != nil || l.acquire(user{"t", "u"}, "192.0.2.1") != nil || l.acquire(user{"t", "u"}, "192.0.2.1") == nil {
		t.Error("a mapped IPv4 address does not count as IPv4")
	}
	l.release(user{"t", "u"}, "2001:db8::2") // whichever address of the network
	if full := l.acquire(user{"t", "u"}, "2001:db8::9"); full != nil {
		t.Errorf("after one left: %v", full)
	}
}

// FAULTS G9: one address holds its share of the places for those who have not said who they are, and no more.
func TestOneAddressDoesNotHoldEveryWaitingPlace(t *testing.T) {
	t.Parallel()
	l := newLimits(Options{MaxUnauthenticated: 10, MaxUnauthenticatedIP: 2})
	for range 2 {
		if full := l.wait("192.0.2.1"); full != nil {
			t.Fatal(full)
		}
	}
	if full := l.wait("192.0.2.1"); full == nil || full.Code != apier.CodeTooManyConnections || !strings.Contains(full.Message, "--max-unauthenticated-per-ip") {
		t.Errorf("a third: %v", full)
	}
	if full := l.wait("192.0.2.2"); full != nil {
		t.Errorf("another address: %v", full)
	}
	l.forget("192.0.2.1")
	if full := l.wait("192.0.2.1"); full != nil {
		t.Errorf("after one gave up: %v", full)
	}
	if full := l.name(user{"t", "u"}, "192.0.2.1"); full != nil || l.waits != 2 || l.unsaid["192.0.2.1"] != 1 {
		t.Errorf("after one said who it is: %v, %+v", full, l)
	}
}

// FAULTS D9: Connection and Upgrade are lists, and a key is one key of 16 bytes.
func TestTheUpgradeIsReadAsRFC9110AndRFC6455Say(t *testing.T) {
	t.Parallel()
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	header := func(edit func(h http.Header)) http.Header {
		h := http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
			"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {key},
		}
		edit(h)
		return h
	}
	for name, tc := range map[string]struct {
		edit func(h http.Header)
		ok   bool
	}{
		"as usual":                {func(http.Header) {}, true},
		"two lines of Connection": {func(h http.Header) { h["Connection"] = []string{"keep-alive", "Upgrade"} }, true},
		"one line of Connection":  {func(h http.Header) { h["Connection"] = []string{"keep-alive ,\tUPGRADE"} }, true},
		"a list of Upgrade":       {func(h http.Header) { h["Upgrade"] = []string{"h2c, WebSocket"} }, true},
		"a longer word":           {func(h http.Header) { h["Connection"] = []string{"x-upgrade-insecure"} }, false},
		"another protocol":        {func(h http.Header) { h["Upgrade"] = []string{"websocketx"} }, false},
		"no base64":               {func(h http.Header) { h["Sec-Websocket-Key"] = []string{"!!!!!!!!!!!!!!!!!!!!!!=="} }, false},
		"of 17 bytes":             {func(h http.Header) { h["Sec-Websocket-Key"] = []string{"dGhlIHNhbXBsZSBub25jZTE="} }, false},
		"a longer key":            {func(h http.Header) { h["Sec-Websocket-Key"] = []string{key + key} }, false},
		"a key twice":             {func(h http.Header) { h["Sec-Websocket-Key"] = []string{key, key} }, false},
		"a version twice":         {func(h http.Header) { h["Sec-Websocket-Version"] = []string{"13", "13"} }, false},
		"line breaks in the key":  {func(h http.Header) { h["Sec-Websocket-Key"] = []string{"dGhlIHNhbXBsZSBub25jZ\n=="} }, false},
	} {
		r := &http.Request{Method: http.MethodGet, ProtoMajor: 1, ProtoMinor: 1, Header: header(tc.edit)}
		_, err := handshake(r, "")
		if got := isUpgrade(r) && err == nil; got != tc.ok {
			t.Errorf("%s: upgraded is %v, want %v (%v)", name, got, tc.ok, err)
		}
	}
	for _, length := range []int64{5, -1} { // -1: Transfer-Encoding: chunked
		r := &http.Request{Method: http.MethodGet, ProtoMajor: 1, ProtoMinor: 1, Header: header(func(http.Header) {}), ContentLength: length}
		if _, err := handshake(r, ""); err == nil {
			t.Errorf("an upgrade with a body of %d bytes was taken", length)
		}
	}
}

// FAULTS C10: ws.close() of a browser sends no code, which RFC 6455 names 1005. A connection that was lost is 1006.
func TestACloseWithoutACodeIsCounted1005(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	c := b.dial(t, "token=good&channels=")
	c.sync()
	c.write(ws.NewCloseFrame(nil))
	for {
		if f, err := c.frame(); err != nil || f.Header.OpCode == ws.OpClose {
			break
		}
	}
	waitFor(t, func() bool { return b.figure(t, "apier_ws_closed_total", "code", "1005") == 1 })
	if lost := b.figure(t, "apier_ws_closed_total", "code", "1006"); lost > 0 {
		t.Errorf("%v were counted as lost", lost)
	}
}

// FAULTS G20g: what brings nothing counts as a message, too.
func TestEmptyFragmentsAndPongsAreMetered(t *testing.T) {
	t.Parallel()
	for name, flood := range map[string][]byte{
		"pongs":           frameOf(finBit|byte(ws.OpPong), ""),
		"empty fragments": frameOf(byte(ws.OpContinuation), ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, Options{MessagesPerSec: 1e-9, MessageBurst: 10, FloodTime: time.Nanosecond})
			c := b.dial(t, "token=good&channels=")
			begin := []byte{}
			if name == "empty fragments" {
				begin = frameOf(byte(ws.OpText), "")
			}
			_, _ = c.conn.Write(append(begin, []byte(strings.Repeat(string(flood), 20))...))
			c.expectClose(apier.CloseTooManyRequests)
		})
	}
}

// The pong that answers our ping is free: a client that only answers is within any rate.
func TestThePongThatWasAskedForIsFree(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{MessagesPerSec: 1e-9, MessageBurst: 1, FloodTime: time.Nanosecond})
	c := newConn(b.g, nil, auth.Identity{}, request{})
	for ms := int64(1); ms < 50; ms++ {
		c.lastPing.Store(ms)
		c.dispatch(ws.OpPong, nil)
	}
	if c.meter != nil || c.phase != phaseOpen {
		t.Errorf("an answer to a ping was metered: %+v", c.meter)
	}
}

// FAULTS G20h: what a handler throws is recovered on the fast way of an upgrade, as net/http does.
func TestAPanicOfAHandlerEndsItsConnectionOnly(t *testing.T) {
	t.Parallel()
	if portable {
		t.Skip("without epoll there is no fast way: net/http recovers")
	}
	for name, thrown := range map[string]any{"abort": http.ErrAbortHandler, "a bug": "boom"} {
		b := newBench(t, Options{})
		d := &door{g: b.g, handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(thrown) })}
		server, client := net.Pipe()
		b.g.running.Add(1)
		d.serve(&visit{nc: server, request: &http.Request{RemoteAddr: "192.0.2.1:1"}})
		if _, err := io.ReadAll(client); err != nil {
			t.Errorf("%s: the connection was not closed: %v", name, err)
		}
	}
}
