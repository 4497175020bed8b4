package delivery

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/apier/apier"
)

// classify says what went wrong in a word for programs and in words for people, which name nothing of this side's
// network. "" is a success.
func classify(err error, status int, at phase) (apier.ErrorKind, string) {
	if err == nil {
		return classifyStatus(status)
	}
	var blocked *blockedError
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &blocked):
		return apier.ErrorBlocked, blocked.Error()
	case faultOfOurs(err) != nil:
		return apier.ErrorInternal, "this server has run out of files or memory for connections"
	case errors.Is(err, errInterims):
		return apier.ErrorProtocol, "the receiver sent interim answers (1xx) without end, and no answer"
	case isHeaderTooLarge(err):
		return apier.ErrorTooLarge, fmt.Sprintf("the answer's header is larger than %d KiB", maxResponseHeader>>10)
	case errors.As(err, &dns):
		return apier.ErrorDNS, dnsWords(dns)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return apier.ErrorTimeout, timeoutWords(at)
	case isTLS(err) || at == phaseTLS:
		return apier.ErrorTLS, tlsWords(err)
	case at <= phaseConnect:
		return apier.ErrorConnect, connectWords(err)
	default:
		return apier.ErrorProtocol, protocolWords(err, at)
	}
}

// isHeaderTooLarge knows the words of both versions of HTTP: the transport has no value for it.
func isHeaderTooLarge(err error) bool {
	return strings.Contains(err.Error(), "server response headers exceeded") || strings.Contains(err.Error(), "response header list larger than")
}

func classifyStatus(status int) (apier.ErrorKind, string) {
	words := fmt.Sprintf("%d %s", status, http.StatusText(status))
	switch {
	case status >= 200 && status < 300:
		return "", ""
	case status == http.StatusSwitchingProtocols:
		return apier.ErrorProtocol, words + ": a webhook asks for no other protocol; answer 2xx"
	case status == http.StatusNotModified:
		return apier.ErrorRedirect, words + ": a webhook is not a question whether something changed; answer 2xx"
	case status == http.StatusMultipleChoices, status == http.StatusUseProxy, status == 306:
		return apier.ErrorRedirect, strings.TrimSpace(words) + ": a webhook needs an answer of 2xx"
	case status >= 300 && status < 400:
		return apier.ErrorRedirect, words + ": redirects are not followed; set the address it points to"
	case status >= 400 && status < 500:
		return apier.ErrorHTTP4xx, strings.TrimSpace(words)
	case status >= 500 && status < 600:
		return apier.ErrorHTTP5xx, strings.TrimSpace(words)
	default:
		return apier.ErrorProtocol, strings.TrimSpace(words) + " is no status of HTTP"
	}
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
	if err.IsNotFound {
		return fmt.Sprintf("the host %q has no address", err.Name)
	}
	return fmt.Sprintf("the name server gave no answer for %q", err.Name)
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

func isTLS(err error) bool {
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var verify *tls.CertificateVerificationError
	return errors.As(err, &record) || errors.As(err, &alert) || errors.As(err, &verify) || strings.Contains(err.Error(), "HTTP response to HTTPS client")
}

func tlsWords(err error) string {
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &host):
		return "the certificate is for another host"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate has ended or is not valid yet"
	case errors.As(err, &unknown):
		return "the certificate is signed by an unknown authority, or its chain is not complete"
	case strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		return "what answers speaks no TLS: the URL may have to begin with http://"
	default:
		return "the TLS handshake failed"
	}
}

func connectWords(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused: nothing listens there"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "the host cannot be reached"
	default:
		return "no connection"
	}
}

func protocolWords(err error, at phase) string {
	switch {
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the receiver reset the connection"
	case at == phaseAnswer:
		return "the answer broke off or is not HTTP"
	default:
		return "the receiver closed the connection without an answer"
	}
}
