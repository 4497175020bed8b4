package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	firstRetryWait = 250 * time.Millisecond
	maxRetryWait   = 8 * time.Second
	// longestRetryAfter is how long a server may ask to wait; beyond it the error is the caller's.
	longestRetryAfter = 2 * time.Minute
)

// retryWait decides whether a request that failed is tried again, and after how long. attempt counts the
// tries before from 0. The server's Retry-After wins over the backoff.
func retryWait(once bool, a answer, attempt, maxRetries int) (time.Duration, bool) {
	if attempt >= maxRetries || a.retryAfter > longestRetryAfter {
		return 0, false
	}
	switch a.status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable: // the server did nothing
	default:
		if once || !perhapsDone(a.status) {
			return 0, false
		}
	}
	if a.status != 0 && a.retryAfter >= 0 {
		return a.retryAfter, true
	}
	return requestBackoff(attempt, rand.Float64()), true
}

// perhapsDone reports whether a status leaves open whether the server did what was asked. 0: no answer.
func perhapsDone(status int) bool {
	switch status {
	case 0, http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return true
	default:
		return false
	}
}

// requestBackoff is min(8 s, 250 ms · 2^attempt), of which the upper half is left to chance.
func requestBackoff(attempt int, random float64) time.Duration {
	wait := min(maxRetryWait, firstRetryWait<<min(attempt, 16))
	return wait/2 + time.Duration(float64(wait/2)*random)
}

// maxToldWait bounds what is read of a Retry-After: whoever says more means the same.
const maxToldWait = 24 * time.Hour

// retryAfter reads the header of that name, seconds or a date (RFC 9110, 10.2.3); -1: not said. A date counts from
// that of the answer, where it has one: the clock here may be wrong.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil || errors.Is(err, strconv.ErrRange) {
		return min(time.Duration(seconds)*time.Second, maxToldWait)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return -1
	}
	if answered, err := http.ParseTime(h.Get("Date")); err == nil {
		now = answered
	}
	return min(max(0, at.Sub(now)), maxToldWait)
}

// sleep waits, and reports false where the context ends first or cannot last that long.
func sleep(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
