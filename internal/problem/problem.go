// Package problem writes errors as RFC 9457 application/problem+json. It holds the one table from
// error code to HTTP status.
package problem

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/apier/apier"
)

// Status gives the HTTP status of a code.
func Status(code apier.Code) int {
	switch code {
	case apier.CodeMalformed, apier.CodeInvalidChannel, apier.CodeUnknownType:
		return http.StatusBadRequest
	case apier.CodeInvalid:
		return http.StatusUnprocessableEntity
	case apier.CodeUnauthorized:
		return http.StatusUnauthorized
	case apier.CodeForbidden, apier.CodeOriginRefused:
		return http.StatusForbidden
	case apier.CodeNotFound:
		return http.StatusNotFound
	case apier.CodeMethodNotAllowed:
		return http.StatusMethodNotAllowed
	case apier.CodeUpgradeRequired:
		return http.StatusUpgradeRequired
	case apier.CodeConflict:
		return http.StatusConflict
	case apier.CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case apier.CodeUnsupportedMedia:
		return http.StatusUnsupportedMediaType
	case apier.CodeRateLimited, apier.CodeTooManyConnections, apier.CodeTooManySubscriptions:
		return http.StatusTooManyRequests
	case apier.CodeUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// Write answers with a problem. retryAfter above 0 becomes a Retry-After header, rounded up to whole
// seconds.
func Write(w http.ResponseWriter, e *apier.Error, retryAfter time.Duration) {
	write(w, bodyOf(e, Status(e.Code)), retryAfter)
}

// body is a problem, and beside it the two members of an OAuth error.
type body struct {
	Title       string             `json:"title"`
	Status      int                `json:"status"`
	Detail      string             `json:"detail"`
	Code        apier.Code         `json:"code"`
	Errors      []apier.FieldError `json:"errors,omitempty"`
	DeletedAt   apier.Timestamp    `json:"deleted_at,omitzero"`
	OAuth       string             `json:"error,omitempty"`
	Description string             `json:"error_description,omitempty"`
}

func bodyOf(e *apier.Error, status int) body {
	return body{Title: http.StatusText(status), Status: status, Detail: e.Message, Code: e.Code, Errors: e.Fields, DeletedAt: e.DeletedAt}
}

func write(w http.ResponseWriter, b body, retryAfter time.Duration) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if b.Status != http.StatusUnauthorized {
		h.Del("WWW-Authenticate")
	} else if h.Get("WWW-Authenticate") == "" {
		h.Set("WWW-Authenticate", `Bearer realm="apier"`)
	}
	if retryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((retryAfter+time.Second-1)/time.Second), 10))
	}
	w.WriteHeader(b.Status)
	_ = json.NewEncoder(w).Encode(b) // the client may be gone; there is nobody to tell
}
