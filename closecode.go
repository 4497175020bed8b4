package apier

import (
	"fmt"
	"time"
)

// CloseCode ends a WebSocket connection (protocol/README.md, section 8). 44xx mirror the HTTP statuses
// 4xx, so that a client can classify a code it has never heard of.
type CloseCode uint16

// The codes that the server uses.
const (
	CloseProtocolError   CloseCode = 1002 // RFC 6455, 7.4.1
	CloseUnsupported     CloseCode = 1003
	CloseInvalidUTF8     CloseCode = 1007
	CloseTooBig          CloseCode = 1009
	CloseInternal        CloseCode = 1011
	CloseServiceRestart  CloseCode = 1012
	CloseTryAgainLater   CloseCode = 1013
	CloseUnauthorized    CloseCode = 4401 // token missing, invalid or expired: get one, retry once
	CloseForbidden       CloseCode = 4403 // do not retry
	CloseTimeout         CloseCode = 4408 // no progress, no sign of life, no credential in time
	CloseTooManyRequests CloseCode = 4429 // too many connections or messages: retry after the delay
)

// CloseReason gives the text of a close frame: one stable word, and where retryAfter is above 0 the
// delay that the client is asked to keep.
func CloseReason(word string, retryAfter time.Duration) string {
	if retryAfter <= 0 {
		return word
	}
	return fmt.Sprintf("%s retry_after_ms=%d", word, retryAfter.Milliseconds())
}
