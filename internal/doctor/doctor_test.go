package doctor_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"go.uber.org/goleak"

	"github.com/apier/apier/internal/doctor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// examine gives the findings by step, and the last one.
func examine(t *testing.T, address string, opt doctor.Options) (found map[string]doctor.Finding, last doctor.Finding) {
	t.Helper()
	if opt.Wait == 0 {
		opt.Wait = 5 * time.Second
	}
	found = map[string]doctor.Finding{}
	outcome := doctor.Examine(t.Context(), address, opt, func(f doctor.Finding) {
		if strings.ContainsRune(f.Detail+f.Advice, '\n') {
			t.Errorf("%s: more than one line: %q", f.Step, f)
		}
		if opt.Token != "" && strings.Contains(f.Detail+f.Advice, opt.Token) {
			t.Errorf("%s shows the token", f.Step)
		}
		if f.Status == doctor.Fail && f.Advice == "" {
			t.Errorf("%s fails without advice", f.Step)
		}
		found[f.Step], last = f, f
	}, nil)
	if outcome.Failed != (last.Status == doctor.Fail) {
		t.Errorf("the outcome is %+v after %+v", outcome, last)
	}
	if unknown := outcome.Unknown > 0; unknown != (opt.Token == "" && found["session"].Status == doctor.Skip && !outcome.Failed) {
		t.Errorf("%d steps are unknown after %+v", outcome.Unknown, found)
	}
	return found, last
}

// token makes an unsigned JWT: the fake servers look at none.
func token(claims map[string]any) string {
	raw, _ := json.Marshal(claims)
	return "e30." + base64.RawURLEncoding.EncodeToString(raw) + ".c2ln"
}

func validToken() string {
	return token(map[string]any{"sub": "me", "exp": time.Now().Add(time.Hour).Unix()})
}

// fake is a server that behaves as API/er does, but for what a test changes.
type fake struct {
	anonymous  http.HandlerFunc                              // answers an upgrade without a credential
	greeting   string                                        // the first frame
	answer     func(nc net.Conn, message []byte) (stay bool) // to a message
	afterwards func(nc net.Conn)                             // instead of reading
	date       time.Time
	undated    bool
	plain      bool // takes no subprotocol
}

const greeting = `{"type":"session","data":{"seq":7,"channels":["events"],"heartbeat_ms":25000}}`

func pong(nc net.Conn, _ []byte) bool {
	return wsutil.WriteServerText(nc, []byte(`{"type":"pong"}`)) == nil
}

func refuse(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if code != "" {
			w.Header().Set("Content-Type", "application/problem+json")
		}
		w.WriteHeader(status)
		if code != "" {
			fmt.Fprintf(w, `{"code":%q,"detail":"No."}`, code)
		}
	}
}

func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !f.date.IsZero() {
		w.Header().Set("Date", f.date.UTC().Format(http.TimeFormat))
	}
	if f.undated {
		w.Header()["Date"] = nil
	}
	switch {
	case r.URL.Path == "/healthz":
		_, _ = w.Write([]byte("ok\n"))
	case r.Header.Get("Authorization") == "":
		f.anonymous(w, r)
	default:
		f.live(w, r)
	}
}

func (f fake) live(w http.ResponseWriter, r *http.Request) {
	upgrader := ws.HTTPUpgrader{Protocol: func(string) bool { return !f.plain }}
	nc, _, _, err := upgrader.Upgrade(r, w)
	if err != nil {
		return
	}
	defer nc.Close()
	if f.greeting != "" {
		_ = wsutil.WriteServerText(nc, []byte(f.greeting))
	}
	if f.afterwards != nil {
		f.afterwards(nc)
		return
	}
	for {
		message, _, err := wsutil.ReadClientData(nc)
		if err != nil || !f.answer(nc, message) {
			return
		}
	}
}

func healthyFake() fake {
	return fake{anonymous: refuse(http.StatusUnauthorized, "unauthorized"), greeting: greeting, answer: pong}
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestAHealthyServer(t *testing.T) {
	t.Parallel()
	pinging := healthyFake()
	pinging.answer = func(nc net.Conn, message []byte) bool {
		return wsutil.WriteServerMessage(nc, ws.OpPing, nil) == nil && pong(nc, message)
	}
	found, _ := examine(t, serve(t, pinging)+"/?token="+validToken(), doctor.Options{Idle: 20 * time.Millisecond})
	for step, want := range map[string]doctor.Status{
		"url": "ok", "dns": "ok", "tcp": "ok", "tls": "skip", "http": "ok", "upgrade": "ok", "origin": "skip",
		"token": "ok", "connect": "ok", "session": "ok", "ping": "ok", "idle": "ok",
	} {
		if found[step].Status != want {
			t.Errorf("%s: %+v, want %s", step, found[step], want)
		}
	}
}

func TestWithoutATokenNothingIsClaimedAboutTheRest(t *testing.T) {
	t.Parallel()
	found, _ := examine(t, serve(t, healthyFake()), doctor.Options{Idle: time.Hour})
	for _, step := range []string{"token", "connect", "session", "ping", "idle"} {
		if found[step].Status != doctor.Skip {
			t.Errorf("%s: %+v", step, found[step])
		}
	}
}

// waitedOut is for a step that gets no answer. It bounds every step before that one, too: on a busy machine those take
// tenths of a second.
const waitedOut = 2 * time.Second

func TestWhatIsWrongIsSaid(t *testing.T) {
	t.Parallel()
	with := func(change func(*fake)) http.Handler {
		f := healthyFake()
		change(&f)
		return f
	}
	anonymous := func(h http.HandlerFunc) http.Handler { return with(func(f *fake) { f.anonymous = h }) }
	redirect := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://other.example/ws", http.StatusFound)
	}
	cut := func(w http.ResponseWriter, _ *http.Request) {
		nc, _, _ := http.NewResponseController(w).Hijack()
		nc.Close()
	}
	cases := []struct {
		name   string
		server http.Handler
		opt    doctor.Options
		step   string
		status doctor.Status
		says   string // in detail or advice
	}{
		{"a page for everything", anonymous(refuse(200, "")), doctor.Options{}, "upgrade", doctor.Fail, "proxy_set_header Upgrade"},
		{"a proxy that drops the header", anonymous(refuse(400, "")), doctor.Options{}, "upgrade", doctor.Fail, "proxy_http_version"},
		{"no such path", anonymous(refuse(404, "")), doctor.Options{}, "upgrade", doctor.Fail, "/ws"},
		{"a proxy without its server", anonymous(refuse(502, "")), doctor.Options{}, "upgrade", doctor.Fail, "--listen"},
		{"a proxy with a login", anonymous(refuse(401, "")), doctor.Options{}, "upgrade", doctor.Fail, "login of its own"},
		{"too many", anonymous(refuse(429, "too_many_connections")), doctor.Options{}, "upgrade", doctor.Fail, "--trusted-proxies"},
		{"a redirect", anonymous(redirect), doctor.Options{}, "upgrade", doctor.Fail, "https://other.example/ws"},
		{"cut at the upgrade", anonymous(cut), doctor.Options{}, "upgrade", doctor.Fail, "cuts WebSockets"},
		{"a redirect to nowhere", anonymous(refuse(302, "")), doctor.Options{}, "upgrade", doctor.Fail, "points to: (it names none)"},
		{"a proxy that fails", anonymous(refuse(500, "")), doctor.Options{}, "upgrade", doctor.Fail, "its log says why"},
		{"a parameter that is refused", anonymous(refuse(422, "invalid")), doctor.Options{}, "upgrade", doctor.Fail, "as its detail says"},
		{"a header that is dropped before the server", anonymous(refuse(426, "upgrade_required")), doctor.Options{}, "upgrade", doctor.Fail, "proxy_set_header Upgrade"},
		{"busy until a date", anonymous(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT")
			refuse(503, "")(w, r)
		}), doctor.Options{}, "upgrade", doctor.Fail, "after a few s."},
		{"an origin that is refused", anonymous(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Origin") != "" {
				refuse(403, "origin_refused")(w, r)
				return
			}
			refuse(401, "unauthorized")(w, r)
		}), doctor.Options{Origin: "https://shop.example"}, "origin", doctor.Fail, "--allowed-origins"},
		{"a clock that is off", with(func(f *fake) { f.date = time.Now().Add(-time.Hour) }), doctor.Options{}, "http", doctor.Warn, "NTP"},
		{"no clock", with(func(f *fake) { f.undated = true }), doctor.Options{}, "http", doctor.OK, "without its time"},
		{"a token by the server's clock", with(func(f *fake) { f.date = time.Now().Add(-time.Hour) }), doctor.Options{Token: token(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()})}, "token", doctor.OK, "ends in"},
		{"a token that ended by the server's clock", with(func(f *fake) { f.date = time.Now().Add(time.Hour) }), doctor.Options{Token: token(map[string]any{"exp": time.Now().Add(time.Minute).Unix()})}, "token", doctor.Fail, "ago"},
		{"no session", with(func(f *fake) { f.greeting = "" }), doctor.Options{Token: validToken(), Wait: waitedOut}, "session", doctor.Fail, "proxy_buffering"},
		{"no channels", with(func(f *fake) { f.greeting = `{"type":"session","data":{"channels":[]}}` }), doctor.Options{Token: validToken()}, "session", doctor.Warn, "channels"},
		{"refused with a code", with(func(f *fake) {
			f.greeting = ""
			f.afterwards = func(nc net.Conn) {
				_ = wsutil.WriteServerMessage(nc, ws.OpClose, ws.NewCloseFrameBody(4401, "unauthorized"))
			}
		}), doctor.Options{Token: validToken()}, "session", doctor.Fail, "4401 unauthorized → The server itself"},
		{"a proxy that drops the subprotocol", with(func(f *fake) { f.plain = true }), doctor.Options{Token: validToken()}, "connect", doctor.Fail, "Sec-WebSocket-Protocol"},
		{"ended by the server", with(func(f *fake) {
			f.answer = func(nc net.Conn, m []byte) bool {
				return pong(nc, m) && wsutil.WriteServerMessage(nc, ws.OpClose, ws.NewCloseFrameBody(4401, "token_expired")) == nil
			}
		}), doctor.Options{Token: validToken(), Idle: time.Minute}, "ping", doctor.Fail, "section 8"},
		{"no pong", with(func(f *fake) { f.answer = func(net.Conn, []byte) bool { return true } }), doctor.Options{Token: validToken(), Wait: waitedOut}, "ping", doctor.Fail, "no pong"},
		{"cut when silent", with(func(f *fake) {
			n := 0
			f.answer = func(nc net.Conn, m []byte) bool { n++; return pong(nc, m) && n < 3 }
		}), doctor.Options{Token: validToken(), Idle: time.Minute}, "idle", doctor.Fail, "proxy_read_timeout"},
		{"a token that ended", healthyFake(), doctor.Options{Token: token(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()})}, "token", doctor.Fail, "ago"},
		{"a token without an end", healthyFake(), doctor.Options{Token: token(map[string]any{"sub": "x"})}, "token", doctor.Fail, "exp"},
		{"a token of tomorrow", healthyFake(), doctor.Options{Token: token(map[string]any{"exp": time.Now().Add(time.Hour).Unix(), "nbf": time.Now().Add(time.Minute).Unix()})}, "token", doctor.Fail, "not valid yet"},
		{"a token of a clock ahead", healthyFake(), doctor.Options{Token: token(map[string]any{"exp": time.Now().Add(time.Hour).Unix(), "nbf": time.Now().Add(20 * time.Second).Unix()})}, "token", doctor.OK, "ends in"},
		{"a token whose end has fractions", healthyFake(), doctor.Options{Token: token(map[string]any{"exp": float64(time.Now().Add(time.Hour).Unix()) + 0.5})}, "token", doctor.OK, "ends in"},
		{"half a token", healthyFake(), doctor.Options{Token: "e30.half"}, "token", doctor.Fail, "three parts"},
		{"a key in a page", healthyFake(), doctor.Options{Token: "apier_key"}, "token", doctor.Warn, "never be in a page"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			found, last := examine(t, serve(t, c.server), c.opt)
			f := found[c.step]
			if f.Status != c.status || !strings.Contains(f.Detail+" → "+f.Advice, c.says) {
				t.Errorf("%+v, want %s with %q", f, c.status, c.says)
			}
			if c.status == doctor.Fail && last.Step != c.step {
				t.Errorf("it goes on to %s after %s has failed", last.Step, c.step)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, says := range map[string]string{
		"ftp://localhost":       "no scheme",
		"://":                   "cannot be read",
		"ws://localhost:1":      "refuses",
		"ws://user:pw@[::1]:1/": "port 1",
		"ws://localhost:99999":  "cannot be read",
	} {
		_, last := examine(t, address, doctor.Options{})
		if last.Status != doctor.Fail || !strings.Contains(last.Detail, says) {
			t.Errorf("%s: %+v, want %q", address, last, says)
		}
	}
	for code, says := range map[byte]string{nameError: "the name events.example is not known", serverFailure: "the name server does not answer"} {
		_, last := examine(t, "ws://events.example", doctor.Options{Names: answering(t, code)})
		if last.Step != "dns" || last.Status != doctor.Fail || !strings.Contains(last.Detail, says) {
			t.Errorf("response code %d: %+v, want %q", code, last, says)
		}
	}
	if _, last := examine(t, "ws://events.example", doctor.Options{Origin: "https://a.example"}); !strings.Contains(last.Advice, "wss://") {
		t.Errorf("a secure page with ws://: %+v", last)
	}
}

// Response codes of a name server (RFC 1035, section 4.1.1).
const (
	serverFailure = 2
	nameError     = 3
)

// answering is a name server that gives a response code to every question. The one of the machine may not know what
// nobody has, or be out of reach.
func answering(t *testing.T, code byte) *net.Resolver {
	t.Helper()
	server, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		for buffer := make([]byte, 1500); ; {
			n, from, err := server.ReadFrom(buffer)
			if err != nil {
				return
			}
			buffer[2], buffer[3] = 0x81, 0x80|code // an answer: recursion was desired, and is available
			_, _ = server.WriteTo(buffer[:n], from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	secure := httptest.NewTLSServer(healthyFake())
	t.Cleanup(secure.Close)
	if _, last := examine(t, secure.URL, doctor.Options{}); last.Step != "tls" || !strings.Contains(last.Detail, "does not trust") {
		t.Errorf("an unknown authority: %+v", last)
	}
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	trusting := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if found, _ := examine(t, secure.URL, doctor.Options{TLS: trusting, Token: validToken()}); found["tls"].Status != doctor.OK || found["ping"].Status != doctor.OK {
		t.Errorf("a trusted certificate: %+v", found)
	}
	almost := secure.Certificate().NotAfter.Add(-24 * time.Hour)
	if found, _ := examine(t, secure.URL, doctor.Options{TLS: trusting, Now: func() time.Time { return almost }}); found["tls"].Status != doctor.Warn {
		t.Errorf("a day before the end: %+v", found["tls"])
	}
	unnamed := httptest.NewUnstartedServer(healthyFake())
	unnamed.TLS = &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, MinVersion: tls.VersionTLS12}
	unnamed.StartTLS()
	t.Cleanup(unnamed.Close)
	if _, last := examine(t, unnamed.URL, doctor.Options{}); last.Step != "tls" || !strings.Contains(last.Detail, "names no host") || !strings.Contains(last.Advice, "127.0.0.1") {
		t.Errorf("a certificate without names: %+v", last)
	}
	plain := strings.Replace(serve(t, healthyFake()), "http:", "wss:", 1)
	if _, last := examine(t, plain, doctor.Options{}); last.Step != "tls" || !strings.Contains(last.Advice, "ws://") {
		t.Errorf("no TLS there: %+v", last)
	}
}

// selfSigned gives a certificate with a common name alone, which nobody reads any more.
func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestAHandshakeThatIsNotOfTheCertificate: renewing one would mend nothing.
func TestAHandshakeThatIsNotOfTheCertificate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handle func(net.Conn)
		says   string
	}{
		"silent": {func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) }, "it timed out → What listens there"},
		"cut":    {func(nc net.Conn) { _, _ = nc.Read(make([]byte, 4096)) }, "it was closed → What listens there"},
		"no HTTP/1.1": {func(nc net.Conn) {
			_ = tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, NextProtos: []string{"imap"}, MinVersion: tls.VersionTLS12}).Handshake()
		}, "HTTP/1.1 → WebSockets need"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, last := examine(t, "wss://"+listen(t, c.handle), doctor.Options{Wait: 200 * time.Millisecond})
			if last.Step != "tls" || !strings.Contains(last.Detail+" → "+last.Advice, c.says) || strings.Contains(last.Advice, "certificate") {
				t.Errorf("%+v, want %q", last, c.says)
			}
		})
	}
}

// listen takes connections, one after the other, which end when they are handled.
func listen(t *testing.T, handle func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			handle(nc)
			nc.Close()
		}
	}()
	return l.Addr().String()
}

// TestWhatAURLBringsForOneConnection: a ticket can be used once, and each step makes a connection of its own.
func TestWhatAURLBringsForOneConnection(t *testing.T) {
	t.Parallel()
	f := healthyFake()
	f.anonymous = func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Has("ticket") || q.Has("auth") {
			refuse(400, "")(w, r)
			return
		}
		refuse(401, "unauthorized")(w, r)
	}
	if found, last := examine(t, serve(t, f)+"/ws?ticket=t&auth=message&v=1", doctor.Options{}); found["upgrade"].Status != doctor.OK {
		t.Errorf("%+v", last)
	}
}

// TestThePagesAddress: what a browser shows is no WebSocket.
func TestThePagesAddress(t *testing.T) {
	t.Parallel()
	f := healthyFake()
	f.anonymous = refuse(200, "")
	if _, last := examine(t, serve(t, f)+"/events", doctor.Options{}); !strings.Contains(last.Advice, "at /ws") {
		t.Errorf("%+v", last)
	}
}

// FAULTS D11: below a prefix, and from the address of a page, the WebSocket is found where it is.
func TestTheWebSocketIsLookedForElsewhere(t *testing.T) {
	t.Parallel()
	for at, given := range map[string]string{"/apier/ws": "/apier", "/ws": "/events", "/deep/er/ws": "/deep/er/"} {
		f := healthyFake()
		f.anonymous = func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == at {
				refuse(401, "unauthorized")(w, r)
				return
			}
			refuse(404, "not_found")(w, r)
		}
		found, _ := examine(t, serve(t, f)+given, doctor.Options{Token: validToken()})
		if u := found["upgrade"]; u.Status != doctor.Warn || !strings.Contains(u.Advice, at+".") || found["ping"].Status != doctor.OK {
			t.Errorf("%s: %+v", given, found)
		}
	}
	f := healthyFake()
	f.anonymous = refuse(404, "")
	if _, last := examine(t, serve(t, f)+"/apier", doctor.Options{}); last.Status != doctor.Fail || !strings.Contains(last.Detail, "/apier, nor at /apier/ws, nor at /ws") {
		t.Errorf("nowhere: %+v", last)
	}
}

// FAULTS D11: what is no key and no token is told what both look like.
func TestAWrongKeyIsToldWhatAKeyLooksLike(t *testing.T) {
	t.Parallel()
	if found, _ := examine(t, serve(t, healthyFake()), doctor.Options{Token: "nope"}); !strings.Contains(found["token"].Detail, "apier_") {
		t.Errorf("%+v", found["token"])
	}
}

// TestAnAnswerOfAnotherRequest: a cache that answers upgrades gives the wrong proof.
func TestAnAnswerOfAnotherRequest(t *testing.T) {
	t.Parallel()
	sum := sha1.Sum([]byte("another"))
	stale := base64.StdEncoding.EncodeToString(sum[:])
	f := healthyFake()
	f.anonymous = func(w http.ResponseWriter, _ *http.Request) {
		nc, _, _ := http.NewResponseController(w).Hijack()
		defer nc.Close()
		fmt.Fprintf(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", stale)
		_, _ = bufio.NewReader(nc).ReadByte() // until the doctor closes
	}
	if _, last := examine(t, serve(t, f), doctor.Options{}); !strings.Contains(last.Detail, "another request") {
		t.Errorf("%+v", last)
	}
}

// prompt is a context that calls what waits for its end at once where it has ended already. Others leave that to a
// goroutine, which may come sooner or later.
type prompt struct{ context.Context }

func (p prompt) AfterFunc(f func()) (stop func() bool) {
	if p.Err() != nil {
		f()
		return func() bool { return false }
	}
	return context.AfterFunc(p.Context, f)
}

func TestAnInterruptionEndsIt(t *testing.T) {
	t.Parallel()
	for _, as := range []func(context.Context) context.Context{
		func(ctx context.Context) context.Context { return ctx },
		func(ctx context.Context) context.Context { return prompt{ctx} },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var last doctor.Finding
		outcome := doctor.Examine(as(ctx), serve(t, healthyFake()), doctor.Options{Token: validToken(), Idle: time.Hour},
			func(f doctor.Finding) { last = f }, func(string) { cancel() })
		if !outcome.Failed || last.Step != "idle" || last.Status != doctor.Skip {
			t.Errorf("%v %+v", outcome, last)
		}
	}
}
