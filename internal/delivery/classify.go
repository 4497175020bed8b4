package delivery

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"

	"github.com/apier/apier"
)

// classify says what went wrong in a word for programs and in words for people, which name nothing of this side's
// network. "" is a success.
func classify(err error, a *apier.Attempt, s seen) (apier.ErrorKind, string) {
	if err == nil {
		return classifyStatus(a.StatusCode, string(a.ResponseBody))
	}
	var blocked *blockedError
	var dns *net.DNSError
	switch {
	case errors.As(err, &blocked):
		return apier.ErrorBlocked, blocked.Error()
	case faultOfOurs(err) != nil:
		return apier.ErrorInternal, "this server has run out of files or memory for connections"
	case strings.Contains(err.Error(), errInterims.Error()): // HTTP/2 keeps only the text
		return apier.ErrorProtocol, "the receiver sent interim answers (1xx) without end, and no answer"
	case isHeaderTooLarge(err):
		return apier.ErrorTooLarge, fmt.Sprintf("the answer's header is larger than %d KiB", maxResponseHeader>>10)
	case errors.As(err, &dns):
		return apier.ErrorDNS, dnsWords(dns)
	case s.refusals > 0 && s.at == phaseRequest:
		return apier.ErrorProtocol, "the receiver takes no more requests on HTTP/2 (REFUSED_STREAM or GOAWAY): it may have too much to do, or be going down"
	case isTimeout(err):
		return apier.ErrorTimeout, timeoutWords(s.at)
	case isTLS(err, s):
		return apier.ErrorTLS, tlsWords(err, s)
	case s.at <= phaseConnect:
		return apier.ErrorConnect, connectWords(err)
	default:
		return apier.ErrorProtocol, protocolWords(err, s.at)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// isHeaderTooLarge knows the words of both versions of HTTP: the transport has no value for it.
func isHeaderTooLarge(err error) bool {
	return strings.Contains(err.Error(), "server response headers exceeded") || strings.Contains(err.Error(), "response header list larger than")
}

func classifyStatus(status int, body string) (apier.ErrorKind, string) {
	words := strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
	switch {
	case status >= 200 && status < 300:
		return "", ""
	case status >= 300 && status < 400:
		return apier.ErrorRedirect, words + redirectAdvice(status)
	case status == http.StatusBadRequest && wantsTLS(body):
		return apier.ErrorHTTP4xx, words + ": what listens there speaks TLS; the URL may have to begin with https://"
	case status >= 400 && status < 500:
		return apier.ErrorHTTP4xx, words
	case status >= 500 && status < 600:
		return apier.ErrorHTTP5xx, words
	case status == http.StatusSwitchingProtocols:
		return apier.ErrorProtocol, words + ": a webhook asks for no other protocol; the answer must be 2xx"
	default:
		return apier.ErrorProtocol, words + " is no status of HTTP"
	}
}

func redirectAdvice(status int) string {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return ": redirects are not followed; set the address it points to"
	case http.StatusNotModified:
		return ": a webhook does not ask whether something has changed; the answer must be 2xx"
	default: // 300, 305 and the like point nowhere
		return ": the answer must be 2xx"
	}
}

// wantsTLS knows the words in which Go, nginx and Apache refuse plain HTTP on a port for TLS.
func wantsTLS(body string) bool {
	for _, words := range []string{"HTTP request to an HTTPS server", "plain HTTP request was sent to HTTPS port", "speaking plain HTTP to an SSL-enabled server port"} {
		if strings.Contains(body, words) {
			return true
		}
	}
	return false
}

// faultOfOurs returns the fault behind an error that no receiver can be blamed for, without the address that the error
// names; nil: there is none.
func faultOfOurs(err error) error {
	for _, ours := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, ours) {
			return ours
		}
	}
	return nil
}

func dnsWords(err *net.DNSError) string {
	switch {
	case err.IsNotFound:
		return fmt.Sprintf("the host %q has no address", err.Name)
	case err.IsTimeout:
		return fmt.Sprintf("the name server gave no answer for %q in time", err.Name)
	default:
		return fmt.Sprintf("the name server gave no answer for %q", err.Name)
	}
}

func timeoutWords(at phase) string {
	switch {
	case at <= phaseDNS:
		return "no answer of the name server in time"
	case at == phaseConnect:
		return "no connection in time"
	case at == phaseTLS:
		return "no TLS handshake in time"
	case at == phaseRequest:
		return "connected, and no answer in time"
	default:
		return "the answer did not end in time"
	}
}

func connectWords(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused: nothing listens there"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "the host cannot be reached"
	case errors.Is(err, syscall.ECONNRESET):
		return "the receiver reset the connection"
	default:
		return "no connection"
	}
}

// http2Code finds the code of a frame RST_STREAM or GOAWAY in the words of an error, which has no other value for it.
var http2Code = regexp.MustCompile(`stream ID \d+; ([A-Z0-9_]+)|ErrCode=([A-Z0-9_]+)`)

func protocolWords(err error, at phase) string {
	text := err.Error()
	if found := http2Code.FindStringSubmatch(text); found != nil {
		return http2Words(found[1] + found[2])
	}
	switch {
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the receiver reset the connection"
	case strings.Contains(text, `malformed HTTP response "\x15\x03`):
		return "what listens there speaks TLS; the URL may have to begin with https://"
	case strings.Contains(text, "malformed"), strings.Contains(text, "invalid header"), strings.Contains(text, "bad Content-Length"), strings.Contains(text, "cannot contain"),
		strings.Contains(text, "unsupported transfer encoding"), strings.Contains(text, "too many transfer encodings"), strings.Contains(text, "frame too large"):
		return "the answer is not HTTP, or breaks its rules"
	case strings.Contains(text, "unexpected EOF"):
		return "the answer broke off"
	case at == phaseAnswer:
		return "the answer broke off or is not HTTP"
	default:
		return "the receiver closed the connection without an answer"
	}
}

func http2Words(code string) string {
	switch code {
	case "HTTP_1_1_REQUIRED":
		return "the receiver offers HTTP/2 and then wants HTTP/1.1 (HTTP_1_1_REQUIRED)"
	case "ENHANCE_YOUR_CALM":
		return "the receiver has too much to do (HTTP/2 ENHANCE_YOUR_CALM)"
	case "REFUSED_STREAM":
		return "the receiver takes no more requests on HTTP/2 (REFUSED_STREAM)"
	default:
		return "the receiver ended the request on HTTP/2 without an answer (" + code + ")"
	}
}

func isTLS(err error, s seen) bool {
	var record tls.RecordHeaderError
	var verify *tls.CertificateVerificationError
	return s.at == phaseTLS || errors.As(err, &record) || errors.As(err, &verify) || remoteAlert(err) != "" ||
		s.wantsClient && s.at == phaseRequest || strings.Contains(err.Error(), "HTTP response to HTTPS client")
}
