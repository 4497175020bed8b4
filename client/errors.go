package client

import (
	"fmt"
	"strings"

	"github.com/apier/apier"
)

// ErrorKind says what kind of thing went wrong with a connection. It is an error, so that errors.Is finds it in one:
//
//	if errors.Is(err, client.ErrAuth) { … }
type ErrorKind string

// The kinds of ConnectionError.
const (
	ErrTransport ErrorKind = "transport" // lost, or could not be made
	ErrTimeout   ErrorKind = "timeout"   // the server did not answer an attempt in time
	ErrHeartbeat ErrorKind = "heartbeat" // the server stopped answering
	ErrAuth      ErrorKind = "auth"      // no token, or one that was not accepted
	ErrRefused   ErrorKind = "refused"   // a retry cannot mend it
	ErrExhausted ErrorKind = "exhausted" // every attempt failed
)

func (k ErrorKind) Error() string { return "apier: connection: " + string(k) }

// ConnectionError is why a connection is not, or was not, as wanted. It never holds a token. errors.Is finds its Kind
// and, where it is ErrExhausted, that of the last attempt. Where the server gave a problem or a code that has a word,
// errors.As finds an *[apier.Error] in it.
type ConnectionError struct {
	Kind    ErrorKind
	Code    apier.CloseCode // the WebSocket close code; 0: there was none
	Message string          // for people
	cause   error
}

func (e *ConnectionError) Error() string { return "apier: " + e.Message }

// Is reports whether target is the kind of e.
func (e *ConnectionError) Is(target error) bool { return target == e.Kind }

// Unwrap gives the cause.
func (e *ConnectionError) Unwrap() error { return e.cause }

// closeError says in words what a close meant. Of the reason only its one word is used: it may hold anything.
func closeError(code apier.CloseCode, d closeDecision, cause error) *ConnectionError {
	e := &ConnectionError{Code: code, Kind: ErrRefused, cause: cause}
	switch {
	case code == apier.CloseUnauthorized || code == apier.CloseForbidden:
		e.Kind = ErrAuth
	case d.retry:
		e.Kind = ErrTransport
	}
	detail := fmt.Sprint(code)
	if d.word != "" {
		detail += " " + d.word
	}
	e.Message = fmt.Sprintf("%s (%s)", closeWords(code, d.retry), detail)
	if cause == nil {
		if c, known := codeOfClose(code); known {
			e.cause = &apier.Error{Code: c, Message: e.Message}
		}
	} else {
		e.Message = fmt.Sprintf("%s: %s", e.Message, strings.TrimPrefix(cause.Error(), "apier: "))
	}
	return e
}

func closeWords(code apier.CloseCode, retried bool) string {
	switch code {
	case closeAbnormal:
		return "The connection was lost or could not be made."
	case 1001:
		return "The server is going away."
	case apier.CloseInternal:
		return "The server had an internal error."
	case apier.CloseServiceRestart:
		return "The server is restarting."
	case apier.CloseTryAgainLater:
		return "The server is overloaded."
	case apier.CloseUnauthorized:
		return "The server did not accept the token."
	case apier.CloseForbidden:
		return "Access is not allowed."
	case apier.CloseTimeout:
		return "The server gave up waiting for this client."
	case apier.CloseTooManyRequests:
		return "Too many connections or messages."
	}
	if retried {
		return "The connection was closed."
	}
	return "The server refused the connection."
}

func codeOfClose(code apier.CloseCode) (apier.Code, bool) {
	switch code {
	case apier.CloseUnauthorized:
		return apier.CodeUnauthorized, true
	case apier.CloseForbidden:
		return apier.CodeForbidden, true
	case apier.CloseTooManyRequests:
		return apier.CodeRateLimited, true
	case apier.CloseServiceRestart, apier.CloseTryAgainLater:
		return apier.CodeUnavailable, true
	default:
		return "", false
	}
}

// refusedError is what an error frame says.
func refusedError(f *Frame) *ConnectionError {
	e := &ConnectionError{Kind: ErrRefused, Message: f.Error, cause: &apier.Error{Code: f.Code, Message: f.Error}}
	if f.Code == apier.CodeForbidden {
		e.Kind = ErrAuth
	}
	return e
}

func heartbeatError() *ConnectionError {
	return &ConnectionError{Kind: ErrHeartbeat, Message: "The server stopped answering."}
}

func timeoutError() *ConnectionError {
	return &ConnectionError{Kind: ErrTimeout, Message: "The server did not answer in time."}
}

func noTokenError(cause error) *ConnectionError {
	e := &ConnectionError{Kind: ErrAuth, Message: "No token could be obtained.", cause: cause}
	if cause != nil {
		e.Message = fmt.Sprintf("No token could be obtained: %s", cause.Error())
	}
	return e
}

// noToken is why a request was not sent. It is an *apier.Error, too.
type noToken struct{ cause error }

func (e noToken) words() *apier.Error {
	return apier.Errorf(apier.CodeUnauthorized, "No token could be obtained: %v", e.cause)
}

func (e noToken) Error() string   { return e.words().Error() }
func (e noToken) Unwrap() []error { return []error{e.words(), e.cause} }

// exhaustedError names the cause of the last attempt.
func exhaustedError(attempts int, last *ConnectionError) *ConnectionError {
	noun := "attempts"
	if attempts == 1 {
		noun = "attempt"
	}
	return &ConnectionError{
		Kind: ErrExhausted, Code: last.Code, cause: last,
		Message: fmt.Sprintf("Gave up after %d %s to reconnect. %s", attempts, noun, last.Message),
	}
}
