package delivery

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"time"

	"github.com/apier/apier"
)

// phase is how far an attempt came.
type phase int

const (
	phaseStart phase = iota
	phaseDNS
	phaseConnect
	phaseTLS
	phaseRequest // connected: the request goes out, the answer is awaited
	phaseAnswer  // the first byte of the answer is there
)

// seen is what an attempt has seen of its receiver, besides an error.
type seen struct {
	at          phase
	refusals    int  // requests on HTTP/2 that have to be repeated
	wantsClient bool // the receiver asks for a certificate of ours
}

// stopwatch takes the times of one attempt. The transport may call it from several goroutines, and still after the
// attempt has ended.
type stopwatch struct {
	start time.Time

	mu                               sync.Mutex
	seen                             seen
	isHTTP2                          bool
	interims                         int
	dnsStart, connectStart, tlsStart time.Time
	dns, connect, tls, ttfb          time.Duration
}

func newStopwatch() *stopwatch { return &stopwatch{start: time.Now()} }

func (w *stopwatch) follow(ctx context.Context, hold *connHold) context.Context {
	ctx = context.WithValue(ctx, watchKey{}, w)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:             func(httptrace.DNSStartInfo) { w.begin(phaseDNS, &w.dnsStart) },
		DNSDone:              func(httptrace.DNSDoneInfo) { w.end(w.dnsStart, &w.dns) },
		ConnectStart:         func(string, string) { w.begin(phaseConnect, &w.connectStart) },
		ConnectDone:          func(_, _ string, _ error) { w.end(w.connectStart, &w.connect) },
		TLSHandshakeStart:    func() { w.begin(phaseTLS, &w.tlsStart) },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { w.end(w.tlsStart, &w.tls) },
		GotConn:              func(info httptrace.GotConnInfo) { hold.take(info.Conn); w.connected(info.Conn) },
		Got1xxResponse:       func(int, textproto.MIMEHeader) error { return w.interim() },
		GotFirstResponseByte: func() { w.begin(phaseAnswer, new(time.Time)); w.end(w.start, &w.ttfb) },
	})
}

// maxInterims is how many interim answers (1xx) may come before the answer.
const maxInterims = 20

var errInterims = errors.New("too many interim answers")

func (w *stopwatch) interim() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.interims++; w.interims > maxInterims {
		return errInterims
	}
	return nil
}

func (w *stopwatch) begin(p phase, at *time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen.at = max(w.seen.at, p)
	if at.IsZero() { // of several addresses that are tried at once, the first counts
		*at = time.Now()
	}
}

func (w *stopwatch) end(from time.Time, took *time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*took = time.Since(from)
}

func (w *stopwatch) connected(conn net.Conn) {
	w.begin(phaseRequest, new(time.Time))
	secure, ok := conn.(*tls.Conn)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isHTTP2 = ok && secure.ConnectionState().NegotiatedProtocol == "h2"
}

// maxRefusals is how often a request on HTTP/2 is repeated at once. The transport would go on until the attempt's time is
// over, and nobody would learn why.
const maxRefusals = 2

var errRefused = errors.New("refused on HTTP/2")

// repeat is asked for the body when the transport repeats the request.
func (w *stopwatch) repeat() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.isHTTP2 {
		return nil
	}
	if w.seen.refusals++; w.seen.refusals > maxRefusals {
		return errRefused
	}
	return nil
}

type watchKey struct{}

// clientCertificate is asked for a certificate of ours, of which there is none, and notes that the receiver wants one.
func clientCertificate(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	if w, ok := info.Context().Value(watchKey{}).(*stopwatch); ok {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seen.wantsClient = true
	}
	return &tls.Certificate{}, nil
}

func (w *stopwatch) look() seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

func (w *stopwatch) write(a *apier.Attempt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a.DurationMS, a.DNSMS, a.ConnectMS, a.TLSMS, a.TTFBMS = ms(time.Since(w.start)), ms(w.dns), ms(w.connect), ms(w.tls), ms(w.ttfb)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
