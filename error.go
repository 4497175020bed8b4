package apier

import (
	"errors"
	"fmt"
)

// Code is the stable word that a program branches on.
type Code string

// The codes of HTTP problems (field "code") and of error frames (field "code").
const (
	CodeMalformed            Code = "malformed_json"         // not JSON, or not JSON of the expected outer shape
	CodeInvalid              Code = "invalid"                // JSON, but a field is missing, unknown or wrong
	CodeUnknownType          Code = "unknown_type"           // a frame of a type the server does not know
	CodeInvalidChannel       Code = "invalid_channel"        // not a channel name
	CodeUnauthorized         Code = "unauthorized"           // no credential, or one that does not hold
	CodeForbidden            Code = "forbidden"              // a good credential without the needed permission
	CodeOriginRefused        Code = "origin_refused"         // the page's origin is not on the allow-list
	CodeNotFound             Code = "not_found"              // no such thing for this tenant
	CodeMethodNotAllowed     Code = "method_not_allowed"     // the path exists, the method does not
	CodeUpgradeRequired      Code = "upgrade_required"       // of /ws: not the upgrade request of a WebSocket
	CodeConflict             Code = "conflict"               // an Idempotency-Key used again with another body
	CodeTooLarge             Code = "too_large"              // over a size limit
	CodeUnsupportedMedia     Code = "unsupported_media_type" // a body in another format
	CodeRateLimited          Code = "rate_limited"           // too many requests or messages
	CodeTooManyConnections   Code = "too_many_connections"   // over a connection limit
	CodeTooManySubscriptions Code = "too_many_subscriptions" // over the subscription limit of a connection
	CodeUnavailable          Code = "unavailable"            // overloaded or shutting down: try again
	CodeInternal             Code = "internal"               // our fault; the cause is in the log
)

// Error is an error that may leave the process: a code for programs and words for people, with what
// to do about it. Causes stay inside, wrapped around or logged, never in Message.
type Error struct {
	Code    Code
	Message string
	Fields  []FieldError // of CodeInvalid: every field at fault, not just the first

	DeletedAt Timestamp // of CodeNotFound: there was such a thing until then; 0: never, or nobody knows
}

// FieldError says what is wrong with one field. Field is a path: "payload", "[3].type".
type FieldError struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Errorf makes an Error with formatted words.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// AsError finds the Error in err's chain. Any other error becomes CodeInternal with words that tell
// nothing of the cause.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: CodeInternal, Message: "Internal error. The server's log has the cause."}
}
