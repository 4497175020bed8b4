package sqlite

import (
	"sync"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// turnWeight is what the operations of one turn weigh together, in rows and KiB. While two tenants have
// work queued, each gets as many turns as the other.
const turnWeight = 1024

// turns is the queue before the writer: a line for each tenant, served in turns (deficit round robin).
// A tenant whose work weighs more than its turn waits for as many turns as it weighs, while others go.
type turns struct {
	ready chan struct{} // receives when there may be work, or the queue was closed

	mu     sync.Mutex
	lines  map[apier.TenantID]*line // those with work, or with a debt
	ring   []*line                  // those with work, in the order of their turns; the first is served
	queued int
	limit  int // operations that may be queued
	share  int // of one tenant; 0: limit
	closed bool

	refusedFull, refusedShare int64 // for those who look on
}

// line is what one tenant has queued. Its credit is what it may still do in this turn.
type line struct {
	tenant apier.TenantID
	ops    []*op
	credit int
}

func newTurns(limit, share int) *turns {
	return &turns{
		ready: make(chan struct{}, 1), lines: make(map[apier.TenantID]*line), limit: limit, share: share,
	}
}

// push queues an operation, or returns why it is refused.
func (t *turns) push(o *op) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errClosed()
	}
	l := t.line(o.tenant)
	if err := t.room(l); err != nil {
		return err
	}
	t.add(l, o)
	return nil
}

// again queues the rest of an operation that was begun: it always finds room. It reports false once the
// queue is closed.
func (t *turns) again(o *op) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.add(t.line(o.tenant), o)
	}
	return !t.closed
}

func (t *turns) line(tenant apier.TenantID) *line {
	l := t.lines[tenant]
	if l == nil {
		l = &line{tenant: tenant}
		t.lines[tenant] = l
	}
	return l
}

func (t *turns) add(l *line, o *op) {
	l.ops = append(l.ops, o)
	t.queued++
	if len(l.ops) == 1 {
		t.ring = append(t.ring, l)
	}
	t.signal()
}

func (t *turns) signal() {
	select {
	case t.ready <- struct{}{}:
	default:
	}
}

// room refuses an operation beyond the limit, unless its tenant has less than its even share queued: what
// others have queued refuses nobody.
func (t *turns) room(l *line) error {
	if t.share > 0 && len(l.ops) >= t.share {
		t.refusedShare++
		return apier.Errorf(apier.CodeUnavailable,
			"This tenant has %d writes waiting, as many as one may have (--write-queue-per-tenant). Try again in a moment.", len(l.ops))
	}
	waiting := len(t.ring)
	if len(l.ops) == 0 {
		waiting++
	}
	if t.queued < t.limit || len(l.ops) < t.limit/waiting {
		return nil
	}
	t.refusedFull++
	return apier.Errorf(apier.CodeUnavailable,
		"The server has more writes waiting than it can hold (--write-queue). Try again in a moment.")
}

// next takes the operation whose turn it is; nil: there is none. Those whose callers have gone are passed over.
func (t *turns) next() *op {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.ring) > 0 {
		l := t.ring[0]
		o := l.ops[0]
		if len(t.ring) == 1 {
			l.credit = o.weight // nobody waits for it: no matter what it weighs
		}
		if l.credit < o.weight {
			t.passTurn()
			continue
		}
		l.ops[0] = nil
		l.ops = l.ops[1:]
		t.queued--
		taken := o.begin()
		if taken {
			l.credit -= o.weight
		}
		if len(l.ops) == 0 {
			t.leave(l)
		}
		if taken {
			return o
		}
	}
	return nil
}

// passTurn lets the next line go.
func (t *turns) passTurn() {
	l := t.ring[0]
	copy(t.ring, t.ring[1:])
	t.ring[len(t.ring)-1] = l
	t.ring[0].credit += turnWeight
}

// leave takes a line that is empty out of the ring. What it saved is gone; what it owes is kept while
// others have work.
func (t *turns) leave(l *line) {
	t.ring = t.ring[1:]
	l.ops = nil
	l.credit = min(l.credit, 0)
	if len(t.ring) == 0 {
		clear(t.lines)
		return
	}
	if l.credit == 0 {
		delete(t.lines, l.tenant)
	}
	t.ring[0].credit += turnWeight
}

// charge takes what an operation weighed beyond what was said of it.
func (t *turns) charge(tenant apier.TenantID, weight int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.others(tenant) { // else it kept nobody waiting
		t.line(tenant).credit -= weight
	}
}

// endTurn ends the turn of a tenant, whatever it may still do in it, if others wait. It reports whether they do.
func (t *turns) endTurn(tenant apier.TenantID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	others := t.others(tenant)
	if others && t.ring[0].tenant == tenant {
		t.ring[0].credit = min(t.ring[0].credit, 0)
		t.passTurn()
	}
	return others
}

// othersWait reports whether anybody but the tenant has work queued.
func (t *turns) othersWait(tenant apier.TenantID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.others(tenant)
}

func (t *turns) others(tenant apier.TenantID) bool {
	return len(t.ring) > 1 || len(t.ring) == 1 && t.ring[0].tenant != tenant
}

// measure tells how full the queue is.
func (t *turns) measure(s *store.Space) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.Queued, s.RefusedFull, s.RefusedShare = int64(t.queued), t.refusedFull, t.refusedShare
}

// close refuses everything from now on. It reports false if the queue was closed before.
func (t *turns) close() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.closed = true
	t.signal()
	return true
}

// isOver reports whether the queue is closed and empty.
func (t *turns) isOver() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed && t.queued == 0
}
