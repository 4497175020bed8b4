package problem

import (
	"net/http"
	"strings"
	"time"

	"github.com/apier/apier"
)

// The words of the member "error" of an answer to a request for a token: RFC 6749, section 5.2, and for what is no
// fault of the client those of section 4.1.2.1.
const (
	OAuthInvalidRequest   = "invalid_request"
	OAuthInvalidClient    = "invalid_client"
	OAuthInvalidGrant     = "invalid_grant"
	OAuthUnsupportedGrant = "unsupported_grant_type"
	OAuthInvalidScope     = "invalid_scope"
	OAuthServerError      = "server_error"
	OAuthUnavailable      = "temporarily_unavailable"
)

// WriteOAuth answers with a problem that is an OAuth error too. What is wrong with a parameter has status 400, as
// OAuth clients expect.
func WriteOAuth(w http.ResponseWriter, e *apier.Error, word string, retryAfter time.Duration) {
	status := Status(e.Code)
	if e.Code == apier.CodeInvalid {
		status = http.StatusBadRequest
	}
	b := bodyOf(e, status)
	b.OAuth, b.Description = word, description(e.Message)
	write(w, b, retryAfter)
}

// description returns a message in the characters that error_description may have.
func description(message string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"' || r == '\\':
			return '\''
		case r < ' ' || r > '~':
			return '?'
		}
		return r
	}, message)
}
