package delivery

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/apier/apier"
)

// tlsReceiver is a server over TLS whose settings a test changes. pool trusts its certificate.
func tlsReceiver(t *testing.T, change func(*tls.Config)) (url string, pool *x509.CertPool) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS10}
	change(s.TLS)
	s.StartTLS()
	t.Cleanup(s.Close)
	pool = x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s.URL, pool
}

// certificate makes one for 127.0.0.1, signed by itself.
func certificate(t *testing.T, change func(*x509.Certificate)) func(*tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	change(template)
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *tls.Config) { c.Certificates = []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}} }
}

// http2Receiver speaks HTTP/2 as far as a request, answers it by a frame and goes on to the next.
func http2Receiver(t *testing.T, answer func(stream uint32) []byte) (url string, pool *x509.CertPool) {
	t.Helper()
	config := &tls.Config{NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}
	certificate(t, func(*x509.Certificate) {})(config)
	pool = x509.NewCertPool()
	leaf, err := x509.ParseCertificate(config.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(leaf)
	l := tls.NewListener(listen(t, "127.0.0.1:0"), config)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			go serveHTTP2(conn, answer)
		}
	}()
	return "https://" + l.Addr().String(), pool
}

func serveHTTP2(conn net.Conn, answer func(stream uint32) []byte) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	_, _ = io.CopyN(io.Discard, in, int64(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")))
	_, _ = conn.Write(http2Frame(4, 0, nil)) // SETTINGS
	for {
		head := make([]byte, 9)
		if _, err := io.ReadFull(in, head); err != nil {
			return
		}
		_, _ = io.CopyN(io.Discard, in, int64(head[0])<<16|int64(head[1])<<8|int64(head[2]))
		if head[3] == 1 { // HEADERS
			_, _ = conn.Write(answer(binary.BigEndian.Uint32(head[5:])))
		}
	}
}

func http2Frame(kind byte, stream uint32, payload []byte) []byte {
	frame := []byte{0, 0, byte(len(payload)), kind, 0}
	return append(binary.BigEndian.AppendUint32(frame, stream), payload...)
}

func resetBy(code uint32) func(uint32) []byte {
	return func(stream uint32) []byte { return http2Frame(3, stream, binary.BigEndian.AppendUint32(nil, code)) }
}

func goAway(code uint32) func(uint32) []byte {
	return func(uint32) []byte { return http2Frame(7, 0, binary.BigEndian.AppendUint32(make([]byte, 4), code)) }
}

// scripted says something to each request and closes the connection.
func scripted(t *testing.T, text string) string {
	t.Helper()
	l := listen(t, "127.0.0.1:0")
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			readRequest(conn)
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}()
	return "http://" + l.Addr().String()
}

// The words about a failure fit what the receiver did, so that its owner knows what to mend.
func TestWordsFitTheFailure(t *testing.T) {
	t.Parallel()
	type receiver func(t *testing.T) (string, *x509.CertPool)
	overTLS := func(change func(*tls.Config)) receiver {
		return func(t *testing.T) (string, *x509.CertPool) { t.Helper(); return tlsReceiver(t, change) }
	}
	overHTTP2 := func(answer func(uint32) []byte) receiver {
		return func(t *testing.T) (string, *x509.CertPool) { t.Helper(); return http2Receiver(t, answer) }
	}
	says := func(text string) receiver {
		return func(t *testing.T) (string, *x509.CertPool) { t.Helper(); return scripted(t, text), nil }
	}
	wantsClient := func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }
	for name, c := range map[string]struct {
		receiver receiver
		kind     apier.ErrorKind
		words    string
	}{
		"client certificate, TLS 1.3": {overTLS(wantsClient), apier.ErrorTLS, "client certificate"},
		"client certificate, TLS 1.2": {overTLS(func(c *tls.Config) { wantsClient(c); c.MaxVersion = tls.VersionTLS12 }), apier.ErrorTLS, "client certificate"},
		"client certificate, HTTP/2":  {overTLS(func(c *tls.Config) { wantsClient(c); c.NextProtos = []string{"h2", "http/1.1"} }), apier.ErrorTLS, "client certificate"},
		"client certificate, if any":  {overTLS(func(c *tls.Config) { c.ClientAuth = tls.RequestClientCert }), "", ""},
		"TLS 1.1":                     {overTLS(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }), apier.ErrorTLS, "version"},
		"expired":                     {overTLS(certificate(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })), apier.ErrorTLS, "has ended or is not valid yet"},
		"not yet":                     {overTLS(certificate(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })), apier.ErrorTLS, "has ended or is not valid yet"},
		"another host":                {overTLS(certificate(t, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"shop.example"} })), apier.ErrorTLS, "another host"},
		"for clients":                 {overTLS(certificate(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })), apier.ErrorTLS, "not valid for a server"},
		"unknown authority": {func(t *testing.T) (string, *x509.CertPool) {
			t.Helper()
			url, _ := tlsReceiver(t, func(*tls.Config) {})
			return url, nil
		}, apier.ErrorTLS, "unknown authority"},
		"no such name": {overTLS(func(c *tls.Config) {
			c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, io.EOF }
		}), apier.ErrorTLS, "alert"},
		"HTTP to a TLS port": {func(t *testing.T) (string, *x509.CertPool) {
			t.Helper()
			url, _ := tlsReceiver(t, func(*tls.Config) {})
			return strings.Replace(url, "https", "http", 1), nil
		}, apier.ErrorHTTP4xx, "https://"},
		"an alert to HTTP": {says("\x15\x03\x01\x00\x02\x02\x46"), apier.ErrorProtocol, "https://"},
		"TLS to an HTTP port": {func(t *testing.T) (string, *x509.CertPool) {
			t.Helper()
			return strings.Replace(scripted(t, "HTTP/1.1 400 Bad Request\r\n\r\n"), "http", "https", 1), nil
		}, apier.ErrorTLS, "http://"},
		"TLS to another port": {func(t *testing.T) (string, *x509.CertPool) {
			t.Helper()
			return strings.Replace(scripted(t, "220 mail.example ESMTP\r\n"), "http", "https", 1), nil
		}, apier.ErrorTLS, "speaks no TLS"},
		"closed in the handshake": {func(t *testing.T) (string, *x509.CertPool) {
			t.Helper()
			return strings.Replace(scripted(t, ""), "http", "https", 1), nil
		}, apier.ErrorTLS, "during the TLS handshake"},
		"REFUSED_STREAM":          {overHTTP2(resetBy(7)), apier.ErrorProtocol, "REFUSED_STREAM"},
		"INTERNAL_ERROR":          {overHTTP2(resetBy(2)), apier.ErrorProtocol, "INTERNAL_ERROR"},
		"HTTP_1_1_REQUIRED":       {overHTTP2(resetBy(13)), apier.ErrorProtocol, "HTTP/1.1"},
		"GOAWAY":                  {overHTTP2(goAway(0)), apier.ErrorProtocol, "GOAWAY"},
		"ENHANCE_YOUR_CALM":       {overHTTP2(resetBy(11)), apier.ErrorProtocol, "too much to do"},
		"200, not changed":        {says("HTTP/1.1 304 Not Modified\r\n\r\n"), apier.ErrorRedirect, "2xx"},
		"choices":                 {says("HTTP/1.1 300 Multiple Choices\r\nContent-Length: 0\r\n\r\n"), apier.ErrorRedirect, "2xx"},
		"redirect":                {says("HTTP/1.1 308 Permanent Redirect\r\nLocation: http://x\r\nContent-Length: 0\r\n\r\n"), apier.ErrorRedirect, "set the address"},
		"101":                     {says("HTTP/1.1 101 Switching Protocols\r\n\r\n"), apier.ErrorProtocol, "101"},
		"interim, then nothing":   {says("HTTP/1.1 102 Processing\r\n\r\n"), apier.ErrorProtocol, "broke off"},
		"interim, then an answer": {says("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"), "", ""},
		"no answer":               {says(""), apier.ErrorProtocol, "closed the connection without an answer"},
		"breaks off":              {says("HTTP/1.1 200 OK\r\nX-A: "), apier.ErrorProtocol, "broke off"},
		"no header":               {says("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), apier.ErrorProtocol, "not HTTP, or breaks its rules"},
		"no status":               {says("HTTP/1.1 abc\r\n\r\n"), apier.ErrorProtocol, "not HTTP, or breaks its rules"},
		"another protocol":        {says("SSH-2.0-OpenSSH_9\r\n"), apier.ErrorProtocol, "not HTTP"},
		"two lengths":             {says("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), apier.ErrorProtocol, "not HTTP, or breaks its rules"},
		"an odd encoding":         {says("HTTP/1.1 200 OK\r\nTransfer-Encoding: rot13\r\n\r\nxx"), apier.ErrorProtocol, "not HTTP, or breaks its rules"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, pool := c.receiver(t)
			s := newSender(open(), 512, time.Now)
			defer s.close()
			if pool != nil {
				s.client.Transport.(*http.Transport).TLSClientConfig.RootCAs = pool
			}
			a, _, fault := s.send(t.Context(), messageTo(url, apier.TimeoutLimitMS))
			if fault != nil || a.ErrorKind != c.kind || !strings.Contains(a.ErrorMessage, c.words) || strings.Contains(a.ErrorMessage, "127.0.0.1") {
				t.Errorf("%v %s %q, want %s %q", fault, a.ErrorKind, a.ErrorMessage, c.kind, c.words)
			}
		})
	}
}

// Over HTTP/2 a stream that never ends, or has no answer but interim ones, ends with its attempt; its connection serves on.
func TestHostileStreams(t *testing.T) {
	t.Parallel()
	header := func(stream uint32, status string) []byte {
		frame := http2Frame(1, stream, append([]byte{0x08, byte(len(status))}, status...)) // :status, a literal of HPACK
		frame[4] = 4                                                                       // END_HEADERS, and not END_STREAM
		return frame
	}
	for name, c := range map[string]struct {
		answer func(stream uint32) []byte
		kind   apier.ErrorKind
		words  string
	}{
		"a body without end": {func(stream uint32) []byte { return header(stream, "500") }, apier.ErrorHTTP5xx, "500"},
		"interim answers":    {func(stream uint32) []byte { return bytes.Repeat(header(stream, "103"), maxInterims+1) }, apier.ErrorProtocol, "interim"},
		"no answer":          {func(uint32) []byte { return nil }, apier.ErrorTimeout, "no answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, pool := http2Receiver(t, c.answer)
			s := newSender(open(), 512, time.Now)
			defer s.close()
			s.client.Transport.(*http.Transport).TLSClientConfig.RootCAs = pool
			for range 2 {
				a, _, fault := s.send(t.Context(), messageTo(url, 2000))
				if fault != nil || a.ErrorKind != c.kind || !strings.Contains(a.ErrorMessage, c.words) {
					t.Errorf("%v %s %q, want %s %q", fault, a.ErrorKind, a.ErrorMessage, c.kind, c.words)
				}
			}
		})
	}
}
