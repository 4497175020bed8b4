package client

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/apier/apier"
)

// The codes that this package closes with; the protocol gives clients 4000–4099.
const (
	closeNormal           apier.CloseCode = 1000
	closeHeartbeatTimeout apier.CloseCode = 4000
	closeConnectTimeout   apier.CloseCode = 4001
	closeReplaced         apier.CloseCode = 4002

	closeAbnormal apier.CloseCode = 1006 // no close frame came (RFC 6455, 7.1.5)
)

// maxRetryAfter bounds what a server may advise, in milliseconds.
const maxRetryAfter = 3_600_000

// closeDecision is what a close means for the client.
type closeDecision struct {
	retry        bool
	refreshToken bool   // the token was not accepted: a new one is worth one try
	retryAfter   int64  // milliseconds, wins over the backoff; -1: no advice
	word         string // the stable word of the reason; "": none
}

func plainRetry() closeDecision { return closeDecision{retry: true, retryAfter: noAdvice} }

const noAdvice = -1

var closeReason = regexp.MustCompile(`^([a-z][a-z0-9_]*)?(?:(?:^|\s+)retry_after_ms=(\d{1,12}))?$`)

// decideClose reads a close code and its reason, "word" or "word retry_after_ms=NNN": section 8 of the
// protocol.
func decideClose(code apier.CloseCode, reason string) closeDecision {
	d := closeDecision{refreshToken: code == apier.CloseUnauthorized, retryAfter: noAdvice}
	d.retry = d.refreshToken || isRetried(code)
	match := closeReason.FindStringSubmatch(strings.TrimSpace(reason))
	if match == nil {
		return d
	}
	d.word = match[1]
	if after, err := strconv.ParseInt(match[2], 10, 64); err == nil && d.retry {
		d.retryAfter = min(after, maxRetryAfter)
	}
	return d
}

func isRetried(code apier.CloseCode) bool {
	switch code {
	case 1001, 1005, closeAbnormal, apier.CloseInternal, apier.CloseServiceRestart, apier.CloseTryAgainLater, 1014,
		apier.CloseTimeout, apier.CloseTooManyRequests:
		return true
	default:
		return code >= 4500 && code <= 4599
	}
}
