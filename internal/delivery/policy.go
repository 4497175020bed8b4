package delivery

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

const (
	breakerAfter   = 5               // failures in a row that open the breaker
	firstHold      = 5 * time.Second // of the breaker, at least
	longestHold    = 5 * time.Minute // and at most
	longestAdvice  = time.Hour       // that Retry-After may ask for
	jitterShare    = 0.2             // of a wait, added at random, so that what failed together does not come back together
	disableAtLeast = 10              // failures in a row before an endpoint is disabled for its long failing
)

// headerControl of an answer says what the receiver wants, in a word.
const (
	headerControl  = "Webhook-Delivery"
	controlDisable = "disable"       // nothing more
	controlAbort   = "abort-message" // this one not again
)

// policy is what a decision depends on besides its subject.
type policy struct {
	now          time.Time
	disableAfter time.Duration
	random       func() float64 // 0 to 1
}

func randomShare() float64 { return rand.Float64() }

// decide judges an attempt: what follows for the delivery, and for its endpoint. It depends on nothing but its
// arguments.
func decide(e apier.Endpoint, d apier.Delivery, a apier.Attempt, header http.Header, p policy) store.Verdict {
	control := strings.ToLower(strings.TrimSpace(header.Get(headerControl)))
	if a.ErrorKind == apier.ErrorInternal { // these settings make no request: no later attempt would do better
		return store.Verdict{Status: apier.DeliveryFailed, Blameless: true}
	}
	if a.OK() {
		v := store.Verdict{Status: apier.DeliveryDelivered}
		if control == controlDisable {
			v.DisableReason = p.disable(e, a, control)
		}
		return v
	}
	advice := retryAfter(header, p.now)
	v := p.next(e, d, advice)
	v.HoldUntil, v.DisableReason = p.hold(e, a, advice), p.disable(e, a, control)
	if control == controlAbort || v.DisableReason != "" { // what is disabled is not tried again: a recovery finds this one
		v.Status, v.DueAt = apier.DeliveryFailed, 0
	}
	return v
}

// next gives the next attempt by the schedule, never before what the receiver asked for; failed at its end.
func (p policy) next(e apier.Endpoint, d apier.Delivery, advice time.Duration) store.Verdict {
	next := d.Tries + 1
	if next >= len(e.RetryScheduleMS) {
		return store.Verdict{Status: apier.DeliveryFailed}
	}
	wait := time.Duration(e.RetryScheduleMS[next]) * time.Millisecond
	return store.Verdict{Status: apier.DeliveryPending, DueAt: p.after(max(wait, advice))}
}

func (p policy) after(wait time.Duration) apier.Timestamp {
	jitter := time.Duration(float64(wait) * jitterShare * p.random())
	return apier.TimestampOf(p.now.Add(wait + jitter))
}

// hold says until when the whole endpoint is left alone: too many attempts have failed in a row, this one among them,
// or it has too much to do and says so; 0: it stays as it is.
//
// It is held for as long again as it has been failing, so the holds double. They follow time and not the count of
// failures, because what fails at once says no more than one failure does: a stall of a second that fails twenty
// attempts is a stall of a second.
func (p policy) hold(e apier.Endpoint, a apier.Attempt, advice time.Duration) apier.Timestamp {
	if refusesThis(a.StatusCode) {
		return 0
	}
	wait := time.Duration(0)
	if e.ConsecutiveFailures+1 >= breakerAfter {
		wait = min(max(p.now.Sub(e.FailingSince.Time()), firstHold), longestHold)
	}
	if a.StatusCode == http.StatusTooManyRequests || a.StatusCode == http.StatusServiceUnavailable {
		wait = max(wait, advice)
	}
	if wait == 0 {
		return 0
	}
	return p.after(wait)
}

// refusesThis tells an answer about the one event from one about the endpoint: others may well be welcome.
func refusesThis(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return true
	default:
		return false
	}
}

// disable gives the reason to end the sending to an endpoint; "": none.
func (p policy) disable(e apier.Endpoint, a apier.Attempt, control string) string {
	switch failing := p.now.Sub(e.FailingSince.Time()); {
	case a.StatusCode == http.StatusGone:
		return "It answered 410 Gone: the receiver wants no more webhooks"
	case control == controlDisable:
		return "It answered webhook-delivery: disable: the receiver wants no more webhooks"
	case e.FailingSince != 0 && e.ConsecutiveFailures+1 >= disableAtLeast && failing >= p.disableAfter:
		return "It has failed without a success for " + readable(failing)
	default:
		return ""
	}
}

func readable(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
	return d.Round(time.Second).String()
}

// retryAfter gives the wait that an answer asks for (RFC 9110, section 10.2.3), bounded; 0: none.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if n, err := strconv.Atoi(text); err == nil && n >= 0 {
		return min(time.Duration(min(n, 1<<30))*time.Second, longestAdvice)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), longestAdvice)
	}
	return 0
}
