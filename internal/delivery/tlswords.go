package delivery

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
)

// remoteAlert returns the words of the alert by which the receiver ended the connection; "": it sent none.
func remoteAlert(err error) string {
	var remote *net.OpError
	if errors.As(err, &remote) && remote.Op == "remote error" && remote.Err != nil {
		return strings.TrimPrefix(remote.Err.Error(), "tls: ")
	}
	if _, words, ok := strings.Cut(err.Error(), "remote error: tls: "); ok { // HTTP/2 keeps only the text
		return words
	}
	return ""
}

func tlsWords(err error, s seen) string {
	var record tls.RecordHeaderError
	text := err.Error()
	switch alert := remoteAlert(err); {
	case s.wantsClient && (s.at == phaseRequest || alert != ""):
		return "the receiver asks for a client certificate, which a webhook has none of, and ended the connection"
	case alert != "":
		return alertWords(alert)
	case strings.Contains(text, "HTTP response to HTTPS client"):
		return "what answers speaks no TLS: the URL may have to begin with http://"
	case errors.As(err, &record):
		return "what answers speaks no TLS, or not on this port"
	case strings.Contains(text, "unsupported protocol version"):
		return "the receiver speaks only versions of TLS that are out of date: TLS 1.2 or 1.3 is needed"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the receiver reset the connection during the TLS handshake"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the receiver closed the connection during the TLS handshake"
	}
	return certificateWords(err)
}

// alertWords explains the usual alerts. Their texts are those of the specification, and name nothing.
func alertWords(alert string) string {
	switch alert {
	case "certificate required":
		return "the receiver asks for a client certificate, which a webhook has none of"
	case "unrecognized name":
		return "the receiver knows no host of this name (TLS alert: unrecognized name)"
	case "protocol version not supported", "handshake failure":
		return "the receiver has no version or cipher of TLS in common with this server (TLS alert: " + alert + ")"
	default:
		return "the receiver ended TLS by an alert: " + alert
	}
}

func certificateWords(err error) string {
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &host):
		return "the certificate is for another host"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate has ended or is not valid yet"
	case errors.As(err, &invalid):
		return "the certificate is not valid for a server, or its chain breaks a rule"
	case errors.As(err, &unknown):
		return "the certificate is signed by an unknown authority, or its chain is not complete"
	default:
		return "the TLS handshake failed"
	}
}
