package api

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/apier/apier"
)

// rates limits the requests of each caller.
type rates struct {
	perSec float64
	burst  float64 // seconds' worth at once

	mu      sync.Mutex
	callers map[caller]*rate.Limiter
}

type caller struct {
	tenant  apier.TenantID
	subject string // of a sender without a credential: the address
}

const maxCallers = 100_000

func newRates(perSec, burst float64) *rates {
	return &rates{perSec: perSec, burst: burst, callers: map[caller]*rate.Limiter{}}
}

// take counts one request and gives how long to wait, 0 meaning that it may go on.
func (r *rates) take(c caller, now time.Time) time.Duration {
	if r.perSec <= 0 {
		return 0
	}
	limiter := r.limiter(c)
	if limiter.AllowN(now, 1) {
		return 0
	}
	return time.Duration(float64(time.Second) / r.perSec)
}

// spent reports whether the next request would have to wait.
func (r *rates) spent(c caller, now time.Time) bool {
	return r.perSec > 0 && r.limiter(c).TokensAt(now) < 1
}

func (r *rates) limiter(c caller) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.callers[c]; l != nil {
		return l
	}
	if len(r.callers) >= maxCallers { // forget all rather than grow: each starts with a full bucket again
		clear(r.callers)
	}
	l := rate.NewLimiter(rate.Limit(r.perSec), max(1, int(r.burst*r.perSec)))
	r.callers[c] = l
	return l
}
