package api

import (
	"container/list"
	"context"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// pull is what a request that may wait does while it is awake.
type pull struct {
	line lineKey
	// look reads only. seen is what an earlier look of the same line returned as Upto.
	look func(ctx context.Context, seen apier.Seq) (store.Readiness, error)
	// take takes what look found; nil: look has done so.
	take func(ctx context.Context) (found bool, due apier.Timestamp, err error)
}

// outcome is what one look has found, and what the line learns of it.
type outcome struct {
	store.Readiness

	found bool
	took  bool
}

// try looks once, and takes what there is. What somebody has waited for goes to nobody whose key was revoked meanwhile.
func (a *API) try(c *call, p pull, seen apier.Seq, behind, waited bool) (o outcome, err error) {
	ctx := c.ctx()
	if o.Readiness, err = p.look(ctx, seen); err != nil {
		return o, err
	}
	if waited && (o.Ready || behind) {
		if err := a.auth.Confirm(ctx, c.id); err != nil {
			return o, err
		}
	}
	if o.found = o.Ready; p.take == nil || !o.Ready && !behind {
		return o, nil
	}
	o.took = true
	o.found, o.NextDue, err = p.take(ctx)
	return o, err
}

// wait tries until something is found, at most for d, and sleeps in between.
func (a *API) wait(c *call, d time.Duration, p pull) error {
	ctx := c.ctx()
	if d <= 0 {
		_, err := a.try(c, p, 0, false, false)
		return err
	}
	w, asleep, err := a.notifier.enter(c.id.Tenant, p.line, a.opt.MaxWaiting, a.opt.MaxWaitingPerTenant)
	if err != nil {
		return err
	}
	defer a.notifier.leave(w)
	end := time.NewTimer(d)
	defer end.Stop()
	for waited := false; ; asleep, waited = false, true {
		for !asleep {
			seen, behind := a.notifier.begin(w)
			o, err := a.try(c, p, seen, behind, waited)
			if err != nil || o.found {
				return err
			}
			asleep = a.notifier.sleep(w, o, apier.TimestampOf(a.opt.Now()))
		}
		select {
		case <-w.wake:
		case <-end.C:
			return nil
		case <-a.notifier.closed:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// enter puts a request into its line: awake, or asleep where enough look for the line already.
func (n *InboxNotifier) enter(tenant apier.TenantID, key lineKey, most, share int) (w *waiter, asleep bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.tenants[tenant]
	if t == nil {
		t = &tenantLines{lines: map[lineKey]*line{}}
	}
	switch {
	case n.waiting >= most:
		n.refused++
		return nil, false, apier.Errorf(apier.CodeUnavailable, "%d requests wait already, as many as may (--inbox-max-waiting). Ask without wait_seconds, or again in a moment.", most)
	case t.waiting >= share:
		n.refused++
		return nil, false, apier.Errorf(apier.CodeRateLimited, "%d requests of this tenant wait already, its share (--inbox-max-waiting-per-tenant). Ask without wait_seconds, or let one request wait for more events (limit).", share)
	}
	l := t.lines[key]
	if l == nil {
		l = &line{key: key, asleep: list.New()}
		t.lines[key] = l
	}
	n.tenants[tenant] = t
	n.waiting++
	n.arrived++
	t.waiting++
	w = &waiter{tenant: tenant, lines: t, line: l, number: n.arrived, wake: make(chan struct{}, 1)}
	if asleep = key.kind == lineOfLease && l.awake >= maxAwake; asleep {
		l.queue(w)
	} else {
		l.awake++
	}
	return w, asleep, nil
}

// begin notes that a look begins, and returns what the line knows: up to where nothing is wanted, and whether the
// group's place is so far behind that a lease has to move it on.
func (n *InboxNotifier) begin(w *waiter) (seen apier.Seq, behind bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := w.line
	w.turn, w.shape, w.looks = l.turn, l.shape, true
	l.fresh++
	return l.seen, l.looked >= maxLooked
}

// maxLooked are the events that a line looks at in vain before a lease moves the place of its group over them.
const maxLooked = 1000

// finish notes that the look has ended.
func (w *waiter) finish() {
	if w.looks && w.turn == w.line.turn {
		w.line.fresh--
	}
	w.looks = false
}

// sleep lets a request sleep whose look found nothing; false: it has to look again.
func (n *InboxNotifier) sleep(w *waiter, o outcome, now apier.Timestamp) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := w.line
	w.finish()
	l.learn(w, o)
	n.arm(l, o.NextDue, now)
	if w.turn != l.turn && (l.fresh == 0 || l.key.kind == lineOfFollow) { // who follows looks for itself alone
		return false
	}
	l.queue(w)
	l.awake--
	return true
}

// queue puts a request among those asleep, by its arrival.
func (l *line) queue(w *waiter) {
	number := func(e *list.Element) uint64 { return e.Value.(*waiter).number } //nolint:forcetypeassert // nothing else is in it
	last := l.asleep.Back()
	if last == nil || number(last) < w.number {
		w.place = l.asleep.PushBack(w)
		return
	}
	after := l.asleep.Front() // who was woken is among the oldest
	for number(after) < w.number {
		after = after.Next()
	}
	w.place = l.asleep.InsertBefore(w, after)
}

// learn keeps what a look has found out about the group, as long as the group is what it was.
func (l *line) learn(w *waiter, o outcome) {
	if w.shape != l.shape {
		return
	}
	l.wants = o.Wants
	if o.Upto > l.seen {
		l.seen = o.Upto
		l.looked += o.Looked
	}
	if o.took {
		l.looked = 0
	}
}

// leave takes a request out of its line. One that was awake wakes the next: there may be more.
func (n *InboxNotifier) leave(w *waiter) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l, t := w.line, w.lines
	if w.place != nil {
		l.asleep.Remove(w.place)
	} else {
		w.finish()
		l.awake--
		l.passOn()
	}
	n.waiting--
	t.waiting--
	if l.awake == 0 && l.asleep.Len() == 0 {
		l.disarm()
		delete(t.lines, l.key)
	}
	if t.waiting == 0 {
		delete(n.tenants, w.tenant)
	}
}

// passOn wakes who looks next. What is listed is there for all.
func (l *line) passOn() {
	if l.key.kind == lineOfLease {
		l.wake(1)
	} else {
		l.wake(l.asleep.Len())
	}
}
