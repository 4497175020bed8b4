package delivery

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/signature"
)

func open() Guard { return Guard{AllowPrivate: true} }

func messageTo(url string, timeoutMS int64) message {
	return message{
		endpoint: apier.Endpoint{ID: "ep_1", URL: url, TimeoutMS: timeoutMS, Headers: map[string]string{"Authorization": "Bearer hush", "X-Team": "billing"}},
		secrets:  [][]byte{bytes.Repeat([]byte("a"), 32), bytes.Repeat([]byte("b"), 32)},
		id:       "evt_1", typ: "order.created", source: "Läden", payload: []byte(`{"n": 1.0,  "s":"ü"}`),
		delivery: "dlv_1", attempt: 3,
	}
}

func sendBy(t *testing.T, guard Guard, m message) (apier.Attempt, http.Header) {
	t.Helper()
	s := newSender(guard, 512, time.Now)
	t.Cleanup(s.close)
	a, header, fault := s.send(t.Context(), m)
	if fault != nil {
		t.Fatal(fault)
	}
	return a, header
}

// What arrives is the payload byte for byte, signed with each secret so that the Standard Webhooks project's own
// library takes it.
func TestAttemptIsSigned(t *testing.T) {
	t.Parallel()
	type got struct {
		header http.Header
		body   []byte
		method string
	}
	arrived := make(chan got, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- got{r.Header, body, r.Method}
		w.Header().Set("X-Answer", "yes")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "thanks")
	}))
	defer receiver.Close()
	r := messageTo(receiver.URL, 10_000)
	a, _ := sendBy(t, open(), r)
	g := <-arrived
	if !bytes.Equal(g.body, r.payload) || g.method != http.MethodPost {
		t.Errorf("%s %q arrived", g.method, g.body)
	}
	for _, secret := range r.secrets {
		webhook, err := standardwebhooks.NewWebhook(signature.FormatSecret(secret))
		if err == nil {
			err = webhook.Verify(g.body, g.header)
		}
		if err != nil {
			t.Errorf("the library says: %v", err)
		}
	}
	for name, want := range map[string]string{
		"Webhook-Id": "evt_1", "Content-Type": "application/json", "User-Agent": userAgent, "Authorization": "Bearer hush", "X-Team": "billing",
		"Apier-Event-Type": "order.created", "Apier-Event-Source": "L%C3%A4den", "Apier-Delivery-Id": "dlv_1", "Apier-Attempt": "3",
		"Apier-Endpoint-Id": "ep_1", "Accept-Encoding": "", "Idempotency-Key": "",
	} {
		if g.header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, g.header.Get(name), want)
		}
	}
	if !a.OK() || a.StatusCode != 202 || string(a.ResponseBody) != "thanks" || a.ResponseHeaders["x-answer"] != "yes" || a.ConnectMS <= 0 || a.TTFBMS <= 0 || a.DurationMS < a.TTFBMS {
		t.Errorf("recorded %+v", a)
	}
	if a.RequestHeaders["authorization"] != apier.HiddenValue || a.RequestHeaders["x-team"] != apier.HiddenValue || a.RequestHeaders["webhook-signature"] != g.header.Get("Webhook-Signature") {
		t.Errorf("recorded %v", a.RequestHeaders)
	}
}

// A source reads the same at every receiver: as CloudEvents writes it in a header.
func TestSourceInAHeader(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"billing": "billing", "https://shop.example/a?b=c&d='e'#f~!": "https://shop.example/a?b=c&d='e'#f~!", "": "",
		"Läden": "L%C3%A4den", "a b": "a%20b", `say "hi"`: "say%20%22hi%22", "100%": "100%25", "日本😀": "%E6%97%A5%E6%9C%AC%F0%9F%98%80", "a\x7f\n": "a%7F%0A",
	} {
		if got := percentEncoded(source); got != want {
			t.Errorf("%q is sent as %q, want %q", source, got, want)
		}
	}
}

func TestEveryHeaderOfAnEndpointIsSent(t *testing.T) {
	t.Parallel()
	arrived := make(chan http.Header, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { arrived <- r.Header }))
	defer receiver.Close()
	m := messageTo(receiver.URL, 10_000)
	m.endpoint.Headers = map[string]string{"idempotency-key": "mine"}
	sendBy(t, open(), m)
	if got := (<-arrived).Get("Idempotency-Key"); got != "mine" {
		t.Errorf("Idempotency-Key: %q", got)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	followed := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer followed.Close()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var code int
		switch _, _ = fmt.Sscanf(r.URL.Path, "/%d", &code); {
		case r.URL.Path == "/large":
			_, _ = w.Write(bytes.Repeat([]byte("x"), 4*apier.MaxResponseBody))
		case r.URL.Path == "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(bytes.Repeat([]byte("x"), 64<<10)); err != nil {
					return
				}
			}
		case r.URL.Path == "/headers":
			for i := range 100 {
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 1000))
			}
		case r.URL.Path == "/many-headers":
			w.Header().Set("Zz-Long", strings.Repeat("x", 5000))
			w.Header().Set("Retry-After", "7")
			for i := range 100 {
				w.Header().Set(fmt.Sprintf("X-%d", i), "x")
			}
			w.WriteHeader(503)
		case r.URL.Path == "/abort":
			panic(http.ErrAbortHandler)
		case code >= 300 && code < 400:
			http.Redirect(w, r, followed.URL, code)
		default:
			w.WriteHeader(code)
		}
	}))
	defer receiver.Close()
	for path, want := range map[string]apier.ErrorKind{
		"/200": "", "/204": "", "/299": "", "/301": apier.ErrorRedirect, "/307": apier.ErrorRedirect, "/400": apier.ErrorHTTP4xx, "/410": apier.ErrorHTTP4xx,
		"/429": apier.ErrorHTTP4xx, "/500": apier.ErrorHTTP5xx, "/503": apier.ErrorHTTP5xx, "/999": apier.ErrorProtocol,
		"/large": "", "/endless": "", "/headers": apier.ErrorTooLarge, "/many-headers": apier.ErrorHTTP5xx, "/abort": apier.ErrorProtocol,
	} {
		a, header := sendBy(t, open(), messageTo(receiver.URL+path, 10_000))
		if a.ErrorKind != want || (a.ErrorMessage == "") != (want == "") {
			t.Errorf("%s: %q %q, want %q", path, a.ErrorKind, a.ErrorMessage, want)
		}
		if large := path == "/large" || path == "/endless"; large != a.ResponseTruncated || large && len(a.ResponseBody) != apier.MaxResponseBody {
			t.Errorf("%s: %d bytes of the answer are kept", path, len(a.ResponseBody))
		}
		if path == "/many-headers" && (header.Get("Retry-After") != "7" || len(a.ResponseHeaders) != maxShownHeaders) {
			t.Errorf("%d headers are kept: %v", len(a.ResponseHeaders), a.ResponseHeaders)
		}
	}
}

func TestNoAnswers(t *testing.T) {
	t.Parallel()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	clear := httptest.NewServer(http.NotFoundHandler())
	defer clear.Close()
	babble := listen(t, "127.0.0.1:0")
	go func() {
		for {
			conn, err := babble.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, "SSH-2.0-OpenSSH_9\r\n\r\n")
			_ = conn.Close()
		}
	}()
	taken, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", clear.Listener.Addr().String()) // its own port is nobody else's meanwhile
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, c := range map[string]struct {
		guard Guard
		url   string
		kind  apier.ErrorKind
		words string
	}{
		"no such name":   {Guard{resolver: resolveTo(t, "")}, "http://nowhere.example/", apier.ErrorDNS, `"nowhere.example" has no address`},
		"nobody listens": {open(), "http://" + taken.LocalAddr().String(), apier.ErrorConnect, "refused"},
		"certificate":    {open(), secure.URL, apier.ErrorTLS, "unknown authority"},
		"no TLS there":   {open(), "https://" + clear.Listener.Addr().String(), apier.ErrorTLS, "http://"},
		"no HTTP":        {open(), "http://" + babble.Addr().String(), apier.ErrorProtocol, "not HTTP"},
		"inside":         {Guard{}, clear.URL, apier.ErrorBlocked, "127.0.0.1 is not public but loopback"},
		"name of inside": {Guard{resolver: resolveTo(t, "10.0.0.7")}, "http://inside.example/", apier.ErrorBlocked, "leads to an address that is not public"},
		"metadata":       {open(), "http://169.254.169.254/latest/meta-data/", apier.ErrorBlocked, "metadata service, and webhooks do not go there; nothing allows that"},
		"no URL":         {open(), "http://a b/", apier.ErrorInternal, "cannot be made"},
	} {
		a, _ := sendBy(t, c.guard, messageTo(c.url, 10_000))
		if a.ErrorKind != c.kind || !strings.Contains(a.ErrorMessage, c.words) || a.StatusCode != 0 {
			t.Errorf("%s: %s %q, want %s %q", name, a.ErrorKind, a.ErrorMessage, c.kind, c.words)
		}
	}
}

// A receiver that takes the connection and says nothing has the endpoint's timeout.
func TestSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSender(open(), 512, time.Now)
		defer s.close()
		transport, ok := s.client.Transport.(*http.Transport)
		if !ok {
			t.Fatal("another transport")
		}
		transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, theirs) }()
			return ours, nil
		}
		a, _, fault := s.send(t.Context(), messageTo("http://shop.example", 10_000))
		if fault != nil || a.ErrorKind != apier.ErrorTimeout || a.ErrorMessage != "connected, and no answer in time" || a.StatusCode != 0 || a.DurationMS != 10_000 {
			t.Errorf("%v %+v", fault, a)
		}
	})
}

// Over TLS, in both versions of HTTP; a second attempt uses the same connection.
func TestOverTLS(t *testing.T) {
	t.Parallel()
	for _, version := range []int{1, 2} {
		protocol := make(chan int, 3)
		receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for i := range len(r.URL.Path) - 1 { // a kilobyte for each byte of the path
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 1000))
			}
			protocol <- r.ProtoMajor
		}))
		receiver.EnableHTTP2 = version == 2
		receiver.StartTLS()
		s := newSender(open(), 512, time.Now)
		transport, ok := s.client.Transport.(*http.Transport)
		if !ok {
			t.Fatal("another transport")
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		transport.TLSClientConfig.RootCAs.AddCert(receiver.Certificate())
		for attempt := range 2 {
			a, _, fault := s.send(t.Context(), messageTo(receiver.URL, 10_000))
			if fault != nil || !a.OK() || (a.TLSMS > 0) != (attempt == 0) || (a.ConnectMS > 0) != (attempt == 0) {
				t.Fatalf("HTTP/%d, attempt %d: %v %+v", version, attempt, fault, a)
			}
			if got := <-protocol; got != version {
				t.Errorf("HTTP/%d arrives, want %d", got, version)
			}
		}
		if a, _, _ := s.send(t.Context(), messageTo(receiver.URL+"/"+strings.Repeat("x", 66), 10_000)); a.ErrorKind != apier.ErrorTooLarge {
			t.Errorf("HTTP/%d, a header of 66 KB: %s %q", version, a.ErrorKind, a.ErrorMessage)
		}
		s.close()
		receiver.Close()
	}
}

// As many connections are kept as attempts may be under way, though they all go to one host.
func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	const atOnce, rounds = 100, 5
	var made atomic.Int64
	arrived := make(chan chan struct{})
	receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer := make(chan struct{})
		arrived <- answer
		<-answer
		_, _ = io.WriteString(w, "thanks")
	}))
	receiver.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			made.Add(1)
		}
	}
	receiver.Start()
	defer receiver.Close()
	s := newSender(open(), atOnce, time.Now)
	defer s.close()
	for range rounds { // in each of which all are under way before the first ends
		var attempts sync.WaitGroup
		for range atOnce {
			attempts.Go(func() {
				if a, _, fault := s.send(t.Context(), messageTo(receiver.URL, apier.TimeoutLimitMS)); fault != nil || !a.OK() {
					t.Errorf("%v %+v", fault, a)
				}
			})
		}
		answers := make([]chan struct{}, atOnce)
		for i := range answers {
			answers[i] = <-arrived
		}
		for _, answer := range answers {
			close(answer)
		}
		attempts.Wait()
	}
	if n := made.Load(); n != atOnce {
		t.Errorf("%d connections are made for %d attempts, %d at once", n, atOnce*rounds, atOnce)
	}
	transport, ok := s.client.Transport.(*http.Transport)
	if most := newSender(open(), 5000, time.Now).client.Transport.(*http.Transport); !ok || transport.MaxIdleConnsPerHost != transport.MaxIdleConns || most.MaxIdleConnsPerHost < 5000 {
		t.Error("what is kept does not follow from what may be under way")
	}
}

// A fault of this machine is told apart, and no attempt.
func TestFaultsOfOurs(t *testing.T) {
	t.Parallel()
	s := newSender(open(), 512, time.Now)
	transport, ok := s.client.Transport.(*http.Transport)
	if !ok || transport.Proxy != nil || s.client.Jar != nil {
		t.Fatalf("a proxy of the environment or cookies would be used: %+v", s.client)
	}
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: syscall.EMFILE}
	}
	if a, _, fault := s.send(t.Context(), messageTo("http://shop.example", 1000)); !errors.Is(fault, syscall.EMFILE) || a.ErrorKind != apier.ErrorInternal {
		t.Errorf("out of files: %v %+v", fault, a)
	}
}
