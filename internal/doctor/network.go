package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// expirySoon is when the end of a certificate is worth a warning.
const expirySoon = 14 * 24 * time.Hour

// readURL accepts what people have at hand: the page's address, a host, or the WebSocket's own URL.
func (x *examination) readURL(_ context.Context, address string) Finding {
	if !strings.Contains(address, "://") {
		address = "ws://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || !isPort(u.Port()) {
		return Finding{Status: Fail, Detail: "the address cannot be read", Advice: "Give the server's URL, such as https://events.example or ws://localhost:8080/ws."}
	}
	switch u.Scheme {
	case "http", "ws":
		u.Scheme = "ws"
	case "https", "wss":
		u.Scheme = "wss"
	default:
		return Finding{Status: Fail, Detail: fmt.Sprintf("%q is no scheme of a WebSocket", u.Scheme), Advice: "Use ws:// or wss:// (http:// and https:// are taken for them)."}
	}
	x.takeToken(u)
	if u.Path == "" || u.Path == "/" {
		u.Path = "/ws"
	}
	u.Fragment, u.User = "", nil
	x.target = u
	f := Finding{Status: OK, Detail: u.Scheme + "://" + u.Host + u.Path}
	if u.Scheme == "ws" && strings.HasPrefix(x.Origin, "https:") && !isLocal(u.Hostname()) {
		f.Status = Fail
		f.Detail += ", opened from " + x.Origin
		f.Advice = "A page that came over https may not open ws://. Use wss:// and end TLS at a proxy before the server."
	}
	return f
}

// isPort reports whether a URL's port, "" for the default, is one.
func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil
}

// takeToken moves a token out of the URL, so that no later line can show it, and drops the other ways to sign in:
// a ticket is good for one connection, and the steps make several.
func (x *examination) takeToken(u *url.URL) {
	q := u.Query()
	if token := q.Get("token"); token != "" && x.Token == "" {
		x.Token = token
	}
	for _, name := range []string{"token", "ticket", "auth"} {
		q.Del(name)
	}
	u.RawQuery = q.Encode()
}

// isLocal reports whether browsers trust a host without TLS (W3C Secure Contexts, section 3.1).
func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

func (x *examination) secure() bool { return x.target.Scheme == "wss" }

func (x *examination) port() string {
	if port := x.target.Port(); port != "" {
		return port
	}
	if x.secure() {
		return "443"
	}
	return "80"
}

func (x *examination) resolve(ctx context.Context, _ string) Finding {
	host := x.target.Hostname()
	ctx, cancel := context.WithTimeout(ctx, x.Wait)
	defer cancel()
	began := time.Now()
	addresses, err := x.Names.LookupIPAddr(ctx, host)
	if err != nil {
		var dns *net.DNSError
		if errors.As(err, &dns) && dns.IsNotFound {
			return Finding{Status: Fail, Detail: "the name " + host + " is not known", Advice: "Look for a typing error in the host, and whether its DNS record exists: dig " + host}
		}
		return Finding{Status: Fail, Detail: "the name server does not answer", Advice: "Check this machine's resolver (/etc/resolv.conf), then try again."}
	}
	names := make([]string, len(addresses))
	for i, a := range addresses {
		x.addresses = append(x.addresses, a.IP)
		names[i] = a.String()
	}
	return Finding{Status: OK, Detail: fmt.Sprintf("%s is %s (%s)", host, strings.Join(names, ", "), since(began))}
}

// connect tries every address: a browser may take any of them.
func (x *examination) connect(ctx context.Context, _ string) Finding {
	var reached, failed []string
	var last error
	for _, ip := range x.addresses {
		began := time.Now()
		nc, err := x.dialTCP(ctx, ip)
		if err != nil {
			failed, last = append(failed, ip.String()+" "+cause(err)), err
			continue
		}
		nc.Close()
		reached = append(reached, fmt.Sprintf("%s:%s (%s)", ip, x.port(), since(began)))
	}
	switch {
	case len(reached) == 0:
		return Finding{Status: Fail, Detail: "port " + x.port() + ": " + strings.Join(failed, ", "), Advice: adviceTCP(last)}
	case len(failed) > 0:
		return Finding{
			Status: Warn, Detail: "reached " + strings.Join(reached, ", ") + "; not " + strings.Join(failed, ", "),
			Advice: "Clients that try the other address first connect late. Listen there too (--listen), or remove it from DNS.",
		}
	}
	return Finding{Status: OK, Detail: "reached " + strings.Join(reached, ", ")}
}

func (x *examination) dialTCP(ctx context.Context, ip net.IP) (net.Conn, error) {
	d := net.Dialer{Timeout: x.Wait}
	return d.DialContext(ctx, "tcp", net.JoinHostPort(ip.String(), x.port()))
}

func cause(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refuses"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "does not answer"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "cannot be reached from here"
	default:
		return "fails"
	}
}

func adviceTCP(err error) string {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "Nothing listens there. Is the server running, on this port, and on this address? It listens on 127.0.0.1 unless --listen says otherwise."
	}
	return "A firewall or a security group drops the packets, or the machine is off. Open the port, then try again."
}

func (x *examination) handshake(ctx context.Context, _ string) Finding {
	if !x.secure() {
		return Finding{Status: Skip, Detail: "ws:// has no TLS"}
	}
	nc, err := x.dial(ctx)
	if err != nil {
		return Finding{Status: Fail, Detail: causeTLS(err, x.Now()), Advice: x.adviceTLS(err)}
	}
	defer nc.Close()
	state := nc.(*tls.Conn).ConnectionState() //nolint:forcetypeassert // dial gives one for wss
	leaf := state.PeerCertificates[0]
	left := leaf.NotAfter.Sub(x.Now())
	f := Finding{Status: OK, Detail: fmt.Sprintf("%s, certificate of %s, ends in %d days", tls.VersionName(state.Version), x.target.Hostname(), int(left.Hours()/24))}
	if left < expirySoon {
		f.Status, f.Advice = Warn, "Renew the certificate before "+leaf.NotAfter.UTC().Format(time.DateOnly)+": from then on nobody connects."
	}
	return f
}

// dial connects to an address that was reached, and does TLS where the URL says so.
func (x *examination) dial(ctx context.Context) (net.Conn, error) {
	var nc net.Conn
	var err error
	for _, ip := range x.addresses {
		if nc, err = x.dialTCP(ctx, ip); err == nil {
			break
		}
	}
	if err != nil || !x.secure() {
		return nc, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if x.TLS != nil {
		config = x.TLS.Clone()
	}
	config.ServerName = x.target.Hostname()
	config.NextProtos = []string{"http/1.1"}
	secured := tls.Client(nc, config)
	ctx, cancel := context.WithTimeout(ctx, x.Wait)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, err
	}
	return secured, nil
}

func causeTLS(err error, now time.Time) string {
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && now.Before(invalid.Cert.NotBefore):
		return "the certificate is not valid yet"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate ended on " + invalid.Cert.NotAfter.UTC().Format(time.DateOnly)
	case errors.As(err, &host):
		return "the certificate " + names(host.Certificate) + ", not this host"
	case errors.As(err, &unknown):
		return "the certificate is signed by an authority that this machine does not trust"
	case errors.As(err, &record):
		return "what answers speaks no TLS"
	case isForeign(err):
		return "what answers does not offer HTTP/1.1"
	default:
		return "the handshake fails: " + readable(err)
	}
}

// isForeign reports whether the other side ends TLS since it speaks no HTTP/1.1 (RFC 7301, section 3.2).
func isForeign(err error) bool { return readable(err) == tls.AlertError(120).Error() }

// names says which hosts a certificate is for.
func names(c *x509.Certificate) string {
	hosts := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		hosts = append(hosts, ip.String())
	}
	if len(hosts) == 0 {
		return "names no host (a common name alone does not count)"
	}
	return "is for " + strings.Join(hosts, ", ")
}

func (x *examination) adviceTLS(err error) string {
	var record tls.RecordHeaderError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var verification *tls.CertificateVerificationError
	switch {
	case errors.As(err, &record):
		return "Use ws:// for this port, or the port where TLS is ended. The server itself speaks no TLS; a proxy before it does."
	case errors.As(err, &unknown):
		return "Browsers refuse it too, without a word. Install a certificate of a public authority with its whole chain, or trust its root here."
	case errors.As(err, &host):
		return "Use a host that it names, or install a certificate with the alternative name " + x.target.Hostname() + " at the proxy that ends TLS."
	case errors.As(err, &verification):
		return "Renew or replace the certificate at the proxy that ends TLS; check this machine's clock as well."
	case isForeign(err):
		return "WebSockets need HTTP/1.1: switch it on at the proxy, beside HTTP/2."
	default:
		return "What listens there ends TLS in another way or not at all, or a firewall cuts it: compare the port and the TLS versions with those of the proxy, and look at its log."
	}
}

func since(began time.Time) string { return time.Since(began).Round(100 * time.Microsecond).String() }
