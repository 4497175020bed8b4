package delivery

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/signature"
)

// The headers of a webhook besides those of the signature.
const (
	headerType     = signature.HeaderEventType
	headerSource   = "apier-event-source"
	headerEndpoint = signature.HeaderEndpoint
	headerDelivery = "apier-delivery-id"
	headerAttempt  = "apier-attempt"

	userAgent         = "apier-webhook/1"
	pingAfter         = 10 * time.Second // of silence on a connection of HTTP/2
	maxResponseHeader = 64 << 10
	minIdleConns      = 1024     // kept for the next attempts
	maxDrain          = 64 << 10 // of an answer that is longer than what is kept, so that its connection can serve again
)

// message is one webhook to be sent.
type message struct {
	endpoint    apier.Endpoint
	secrets     [][]byte
	id          string // the same at each attempt, so that receivers can tell repetitions
	delivery    apier.DeliveryID
	attempt     int
	typ, source string
	payload     json.RawMessage // the body, byte for byte
}

// sender makes attempts.
type sender struct {
	client *http.Client
	now    func() time.Time
}

// http2Config finds connections that are dead, or that nobody reads at the other end: else they would take every attempt.
func http2Config() *http.HTTP2Config {
	return &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingAfter, WriteByteTimeout: pingAfter}
}

// newSender makes a sender for up to maxInFlight attempts at once, which may all go to one host: as many connections are
// kept, so that none is closed only to be made again.
func newSender(g Guard, maxInFlight int, now func() time.Time) *sender {
	maxConns := max(minIdleConns, 2*maxInFlight)
	transport := &http.Transport{
		Proxy:                  nil, // a proxy of the environment would be asked to reach what the guard forbids
		DialContext:            g.DialContext,
		ForceAttemptHTTP2:      true,
		HTTP2:                  http2Config(),
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, GetClientCertificate: clientCertificate},
		DisableCompression:     true,     // what is kept are the receiver's own bytes
		MaxIdleConnsPerHost:    maxConns, // many endpoints may live on one host
		MaxIdleConns:           maxConns,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: maxResponseHeader,
		ExpectContinueTimeout:  time.Second,
	}
	return &sender{now: now, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (s *sender) close() { s.client.CloseIdleConnections() }

// send makes one attempt. All that can go wrong is in the attempt; header is that of the answer, if there was one. A
// fault is this machine's: nothing was sent.
func (s *sender) send(ctx context.Context, m message) (attempt apier.Attempt, header http.Header, fault error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(m.endpoint.TimeoutMS)*time.Millisecond)
	defer cancel()
	ctx, hold := holdConns(ctx)
	defer hold.release()
	started := s.now()
	attempt.StartedAt = apier.TimestampOf(started)
	watch := newStopwatch()
	req, err := m.request(watch.follow(ctx, hold), started)
	if err != nil {
		attempt.ErrorKind, attempt.ErrorMessage = apier.ErrorInternal, "the request cannot be made of these settings"
		return attempt, nil, nil
	}
	getBody := req.GetBody
	req.GetBody = func() (io.ReadCloser, error) {
		if err := watch.repeat(); err != nil {
			return nil, err
		}
		return getBody()
	}
	attempt.RequestHeaders = m.shown(req.Header)
	res, err := s.client.Do(req)
	if err == nil {
		header = res.Header
		readAnswer(&attempt, res)
	} else {
		fault = faultOfOurs(err)
	}
	watch.write(&attempt)
	attempt.ErrorKind, attempt.ErrorMessage = classify(err, &attempt, watch.look())
	return attempt, header, fault
}

// readAnswer keeps the beginning of the answer. That a body breaks off does not matter once the status is there: the
// receiver has spoken. After a 101 there is no body: the connection itself was handed over, and is closed.
func readAnswer(a *apier.Attempt, res *http.Response) {
	defer res.Body.Close()
	a.StatusCode = res.StatusCode
	a.ResponseHeaders = shown(res.Header)
	if res.StatusCode == http.StatusSwitchingProtocols {
		return
	}
	body, _ := io.ReadAll(io.LimitReader(res.Body, apier.MaxResponseBody+1))
	if len(body) > apier.MaxResponseBody {
		body, a.ResponseTruncated = body[:apier.MaxResponseBody], true
		_, _ = io.CopyN(io.Discard, res.Body, maxDrain) // a longer one costs its connection
	}
	a.ResponseBody = body
}

func (m message) request(ctx context.Context, at time.Time) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.endpoint.URL, bytes.NewReader(m.payload))
	if err != nil {
		return nil, err
	}
	for name, value := range m.endpoint.Headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set(headerType, m.typ)
	req.Header.Set(headerSource, percentEncoded(m.source))
	req.Header.Set(headerEndpoint, string(m.endpoint.ID))
	if m.delivery != "" {
		req.Header.Set(headerDelivery, string(m.delivery))
	}
	req.Header.Set(headerAttempt, strconv.Itoa(m.attempt))
	signature.SetHeaders(req.Header, m.id, at, m.payload, m.secrets...)
	// Not sent: it tells the transport that the request may be repeated on another connection when the receiver
	// closed an idle one just now. One of the endpoint's own says the same.
	if _, own := req.Header["Idempotency-Key"]; !own {
		req.Header["Idempotency-Key"] = []string{}
	}
	return req, nil
}

// percentEncoded writes text so that every receiver reads the same from a header, as CloudEvents' HTTP binding does
// (3.1.3.2): what is not printable ASCII, and space, quote and percent sign, is percent-encoded byte by byte of its UTF-8.
func percentEncoded(s string) string {
	if !strings.ContainsFunc(s, needsEncoding) {
		return s
	}
	var out strings.Builder
	for _, c := range []byte(strings.ToValidUTF8(s, "\uFFFD")) {
		if needsEncoding(rune(c)) {
			fmt.Fprintf(&out, "%%%02X", c)
		} else {
			out.WriteByte(c)
		}
	}
	return out.String()
}

func needsEncoding(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '%' }

// The bounds on what is kept of headers: theirs is as large as they please.
const (
	maxShownHeaders = 60
	maxShownHeader  = 1200 // bytes of one
)

// shown gives the request's headers as they are kept: without the values that the endpoint's settings gave.
func (m message) shown(h http.Header) map[string]string {
	kept := shown(h)
	for name := range m.endpoint.Headers {
		if name = strings.ToLower(name); kept[name] != "" {
			kept[name] = apier.HiddenValue
		}
	}
	return kept
}

// shown gives headers as they are kept: bounded, and without the values that are credentials.
func shown(h http.Header) map[string]string {
	flat := make(map[string]string, min(len(h), maxShownHeaders))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if values := h[name]; len(values) > 0 && len(flat) < maxShownHeaders {
			value := strings.Join(values, ", ")
			flat[strings.ToLower(name)] = strings.ToValidUTF8(value[:min(len(value), maxShownHeader)], "\uFFFD")
		}
	}
	return apier.SecretHeaders(flat)
}
