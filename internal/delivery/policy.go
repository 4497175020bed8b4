package delivery

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

const (
	breakerAfter   = 5                // failures in a row that open the breaker
	firstHold      = 5 * time.Second  // of the breaker; doubled with each failure behind it
	longestHold    = 5 * time.Minute  //
	longestAdvice  = time.Hour        // that Retry-After may ask for
	faultWait      = 30 * time.Second // after a fault of ours
	jitterShare    = 0.2              // of a wait, added at random, so that what failed together does not come back together
	disableAtLeast = 10               // failures in a row before an endpoint is disabled for its long failing
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
	switch {
	case a.OK():
		return store.Verdict{Status: apier.DeliveryDelivered}
	case a.ErrorKind == apier.ErrorInternal:
		return store.Verdict{Status: apier.DeliveryPending, Blameless: true, DueAt: p.after(faultWait)}
	case a.StatusCode == http.StatusGone:
		return store.Verdict{Status: apier.DeliveryFailed, DisableReason: "It answered 410 Gone: the receiver wants no more webhooks"}
	}
	v := store.Verdict{Status: apier.DeliveryFailed, HoldUntil: p.hold(e), DisableReason: p.disable(e)}
	if next := d.Tries + 1; next < len(e.RetryScheduleMS) {
		wait := time.Duration(e.RetryScheduleMS[next]) * time.Millisecond
		v.Status, v.DueAt = apier.DeliveryPending, p.after(max(wait, retryAfter(header, p.now)))
	}
	return v
}

func (p policy) after(wait time.Duration) apier.Timestamp {
	jitter := time.Duration(float64(wait) * jitterShare * p.random())
	return apier.TimestampOf(p.now.Add(wait + jitter))
}

// hold opens the breaker when too many attempts have failed in a row, this one among them; 0: it stays as it is.
func (p policy) hold(e apier.Endpoint) apier.Timestamp {
	beyond := e.ConsecutiveFailures + 1 - breakerAfter
	if beyond < 0 {
		return 0
	}
	return p.after(min(firstHold<<min(beyond, 16), longestHold))
}

func (p policy) disable(e apier.Endpoint) string {
	if e.FailingSince == 0 || e.ConsecutiveFailures+1 < disableAtLeast {
		return ""
	}
	failing := p.now.Sub(e.FailingSince.Time())
	if failing < p.disableAfter {
		return ""
	}
	return fmt.Sprintf("It has failed without a success for %s", readable(failing))
}

func readable(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
	return d.Round(time.Second).String()
}

// retryAfter gives the wait that an answer asks for (RFC 9110, section 10.2.3), bounded; 0: none.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	if n, err := strconv.Atoi(text); err == nil && n >= 0 {
		return min(time.Duration(min(n, 1<<30))*time.Second, longestAdvice)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), longestAdvice)
	}
	return 0
}
