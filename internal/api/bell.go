package api

import (
	"context"
	"sync"
	"time"

	"github.com/apier/apier"
)

// Bell wakes requests that wait for events, at the commit that brings some. Its methods are safe for
// concurrent use.
type Bell struct {
	mu      sync.Mutex
	rings   map[apier.TenantID]chan struct{} // closed at the next ring
	waiting int
	closed  chan struct{}
	once    sync.Once
}

// NewBell makes a bell.
func NewBell() *Bell {
	return &Bell{rings: map[apier.TenantID]chan struct{}{}, closed: make(chan struct{})}
}

// Ring tells of committed changes. It never blocks.
func (b *Bell) Ring(changes []apier.Change) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.rings) == 0 {
		return
	}
	for i := range changes {
		if changes[i].Kind == apier.Created || changes[i].Kind == apier.Updated && changes[i].Event.Status == apier.StatusPending {
			b.ring(changes[i].Tenant)
		}
	}
}

// RingFor wakes the waiting requests of one tenant. It never blocks.
func (b *Bell) RingFor(tenant apier.TenantID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ring(tenant)
}

func (b *Bell) ring(tenant apier.TenantID) {
	if ring := b.rings[tenant]; ring != nil {
		close(ring)
		delete(b.rings, tenant)
	}
}

// Close sends everybody home, now and later: the server is going down.
func (b *Bell) Close() { b.once.Do(func() { close(b.closed) }) }

// next gives what the next ring for a tenant closes. Whoever looks at the store after it misses nothing.
func (b *Bell) next(tenant apier.TenantID) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	ring := b.rings[tenant]
	if ring == nil {
		ring = make(chan struct{})
		b.rings[tenant] = ring
	}
	return ring
}

// enter counts a waiting request; false: there are as many as may be.
func (b *Bell) enter(limit int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting >= limit {
		return false
	}
	b.waiting++
	return true
}

func (b *Bell) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting--
}

// wait calls look until it finds something, at most for d: at once, at each ring, and at the time that look
// gives as the next that something is due (0: none).
func (a *API) wait(ctx context.Context, tenant apier.TenantID, d time.Duration, look func() (found bool, due apier.Timestamp, err error)) error {
	if d > 0 {
		if !a.bell.enter(a.opt.MaxWaiting) {
			return apier.Errorf(apier.CodeUnavailable, "%d requests wait already, as many as may (--inbox-max-waiting). Ask without wait_seconds.", a.opt.MaxWaiting)
		}
		defer a.bell.leave()
	}
	end := time.Now().Add(d)
	for {
		ring := a.bell.next(tenant)
		found, due, err := look()
		left := time.Until(end)
		if err != nil || found || left <= 0 {
			return err
		}
		if due != 0 {
			left = min(left, max(due.Time().Sub(a.opt.Now()), time.Millisecond))
		}
		again := time.NewTimer(left)
		select {
		case <-ring:
		case <-again.C:
		case <-a.bell.closed:
			end = time.Time{} // one last look
		case <-ctx.Done():
			again.Stop()
			return ctx.Err()
		}
		again.Stop()
	}
}
