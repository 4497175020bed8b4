package api

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/store"
)

// counted counts what goes to the writer for leases, and the looks.
type counted struct {
	store.Store
	leases, looks atomic.Int64
}

func (c *counted) Lease(ctx context.Context, tenant apier.TenantID, r store.LeaseRequest) (store.Leases, error) {
	c.leases.Add(1)
	return c.Store.Lease(ctx, tenant, r)
}

func (c *counted) Readiness(ctx context.Context, tenant apier.TenantID, group string, after apier.Seq) (store.Readiness, error) {
	c.looks.Add(1)
	return c.Store.Readiness(ctx, tenant, group, after)
}

// waitingWorld is a world whose requests may wait, with the calls of its store counted.
type waitingWorld struct {
	*world
	counted
	notifier *InboxNotifier
	polls    sync.WaitGroup
}

func newWaitingWorld(t *testing.T, opt worldOptions) *waitingWorld {
	t.Helper()
	w := &waitingWorld{notifier: NewInboxNotifier()}
	opt.api.Notifier = w.notifier
	opt.store.Announce = w.notifier.Notify
	opt.wrap = func(s store.Store) store.Store { w.Store = s; return &w.counted }
	w.world = newWorld(t, opt)
	return w
}

// end sends home who still waits.
func (w *waitingWorld) end() {
	w.notifier.Close()
	w.polls.Wait()
}

// asleep waits until so many requests wait and nobody is awake.
func (n *InboxNotifier) asleep(count int) {
	for {
		if waiting, _ := n.Waiting(); waiting == count && n.quiet() {
			return
		}
		runtime.Gosched()
	}
}

// quiet reports whether nobody is awake and nothing is left to match.
func (n *InboxNotifier) quiet() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, t := range n.tenants {
		for _, l := range t.lines {
			if t.matching || l.awake > 0 {
				return false
			}
		}
	}
	return true
}

// poll sends a request that waits, and its answer when there is one.
func (w *waitingWorld) poll(t *testing.T, answers chan<- reply, query string, headers ...string) {
	t.Helper()
	w.polls.Go(func() { answers <- w.do(t, "GET", "/api/inbox?wait_seconds=30&"+query, "", headers...) })
}

// G1: a thousand requests of a group that wants none of what is posted take nothing from the writer.
func TestIdleWaitersTakeNothingFromTheWriter(t *testing.T) {
	t.Parallel()
	const waiters, posts = 1000, 200
	w := newWaitingWorld(t, worldOptions{})
	defer w.end()
	w.do(t, "PUT", "/api/inbox/groups/idle", `{"types":["never.*"]}`).want(t, 200, nil)
	w.do(t, "PUT", "/api/inbox/groups/picky", `{"filter":{"payload.n":-1}}`).want(t, 200, nil)
	answers := make(chan reply, waiters)
	for i := range waiters {
		w.poll(t, answers, "lease_seconds=30&group="+[]string{"idle", "picky"}[i%2])
	}
	w.notifier.asleep(waiters)
	leases, looks := w.leases.Load(), w.looks.Load()
	if leases != 0 || looks > waiters {
		t.Errorf("%d leases and %d looks before there was anything", leases, looks)
	}
	for i := range posts {
		w.create(t, "order.made", "s", fmt.Sprintf(`{"n":%d}`, i))
	}
	w.notifier.asleep(waiters)
	if l, r := w.leases.Load()-leases, w.looks.Load()-looks; l != 0 || r != 0 {
		t.Errorf("%d posts made %d leases and %d looks", posts, l, r)
	}
	w.notifier.Close()
	for range waiters {
		if r := <-answers; string(r.body) != "[]" {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
}

// An event wakes one of those who wait for it, the one that waits longest.
func TestAnEventWakesOneWaiter(t *testing.T) {
	t.Parallel()
	w := newWaitingWorld(t, worldOptions{})
	defer w.end()
	w.do(t, "PUT", "/api/inbox/groups/g", "").want(t, 200, nil)
	answers := make([]chan reply, 50)
	for i := range answers {
		answers[i] = make(chan reply, 1)
		w.poll(t, answers[i], "lease_seconds=30&group=g")
		w.notifier.asleep(i + 1)
	}
	for i := range 3 {
		leases := w.leases.Load()
		r := w.create(t, "a.b", "s", "{}")
		if got := <-answers[i]; !strings.Contains(string(got.body), string(r.ID)) {
			t.Errorf("place %d: %s", i, got.body)
		}
		w.notifier.asleep(len(answers) - i - 1)
		if l := w.leases.Load() - leases; l != 1 {
			t.Errorf("%d leases for one event", l)
		}
	}
}

// Those who list or follow are all answered: what they see is not taken from the others.
func TestLongPoll(t *testing.T) {
	t.Parallel()
	w := newWaitingWorld(t, worldOptions{api: Options{MaxWaiting: 40, MaxWaitingPerTenant: 31}})
	defer w.end()
	answers := make(chan reply, 40)
	for range 10 {
		for _, query := range []string{"", "lease_seconds=30&limit=1", "after=0"} {
			w.poll(t, answers, query)
		}
	}
	w.notifier.asleep(30)
	r := w.create(t, "a.b", "s", "{}")
	for range 21 {
		if answer := <-answers; answer.status != 200 || !strings.Contains(string(answer.body), string(r.ID)) {
			t.Errorf("%d %s", answer.status, answer.body)
		}
	}
	w.notifier.asleep(9)
	w.poll(t, answers, "after=1")
	w.notifier.asleep(10)
	w.notifier.Close()
	for range 10 {
		if answer := <-answers; answer.status != 200 {
			t.Errorf("at shutdown: %d", answer.status)
		}
	}
}

// What waits is bounded, for all and for each tenant, and says so.
func TestWaitersHaveAShare(t *testing.T) {
	t.Parallel()
	w := newWaitingWorld(t, worldOptions{api: Options{MaxWaiting: 5, MaxWaitingPerTenant: 3}})
	defer w.end()
	answers := make(chan reply, 10)
	for range 3 {
		w.poll(t, answers, "lease_seconds=30")
	}
	w.notifier.asleep(3)
	if p := w.do(t, "GET", "/api/inbox?wait_seconds=1", "").refused(t, 429, apier.CodeRateLimited); !strings.Contains(p.Detail, "--inbox-max-waiting-per-tenant") {
		t.Error(p.Detail)
	}
	for range 2 {
		w.poll(t, answers, "lease_seconds=30", as(w.foreign)...)
	}
	w.notifier.asleep(5)
	if p := w.do(t, "GET", "/api/inbox?wait_seconds=1", "", as(w.foreign)...).refused(t, 503, apier.CodeUnavailable); !strings.Contains(p.Detail, "--inbox-max-waiting)") {
		t.Error(p.Detail)
	}
}

// A full group has room again, a group changes, a group is deleted: who waits learns of each.
func TestLongPollOfAFullGroup(t *testing.T) {
	t.Parallel()
	w := newWaitingWorld(t, worldOptions{store: store.Options{InboxOpen: 1}})
	defer w.end()
	one, two := w.create(t, "a.b", "s", "{}"), w.create(t, "a.b", "s", "{}")
	w.do(t, "PUT", "/api/inbox/groups/g", `{"from":"start"}`).want(t, 200, nil)
	w.do(t, "PUT", "/api/inbox/groups/h", `{"from":"start"}`).want(t, 200, nil) // or the event were delivered, which is for nobody
	w.lease(t, "group=g&lease_seconds=300")
	answered := make(chan reply, 1)
	w.poll(t, answered, "group=g&lease_seconds=30")
	w.notifier.asleep(1)
	w.do(t, "POST", "/api/inbox/"+string(one.ID)+"/ack", `{"group":"g"}`).want(t, 200, nil)
	if answer := <-answered; answer.status != 200 || !strings.Contains(string(answer.body), string(two.ID)) {
		t.Errorf("%d %s", answer.status, answer.body)
	}
}

func TestLongPollOfAGroupThatChanges(t *testing.T) {
	t.Parallel()
	w := newWaitingWorld(t, worldOptions{})
	defer w.end()
	w.do(t, "PUT", "/api/inbox/groups/g", `{"types":["x.y"]}`).want(t, 200, nil)
	answered := make(chan reply, 1)
	w.poll(t, answered, "group=g&lease_seconds=30")
	w.notifier.asleep(1)
	r := w.create(t, "a.b", "s", "{}")
	w.notifier.asleep(1)
	w.do(t, "PUT", "/api/inbox/groups/g", `{"types":["a.*"]}`).want(t, 200, nil)
	if answer := <-answered; !strings.Contains(string(answer.body), string(r.ID)) {
		t.Errorf("the group was changed: %s", answer.body)
	}
	w.poll(t, answered, "group=g&lease_seconds=30")
	w.notifier.asleep(1)
	w.do(t, "DELETE", "/api/inbox/groups/g", "").want(t, 204, nil)
	w.notifier.asleep(1)
	r = w.create(t, "c.d", "s", "{}") // which the group gets that the waiting request has made
	if answer := <-answered; !strings.Contains(string(answer.body), string(r.ID)) {
		t.Errorf("the group was made anew: %s", answer.body)
	}
}

// However many post and wait at once, every event is handed out, once, and while somebody waits for it none is left.
func TestNoEventIsLeftWhileSomebodyWaits(t *testing.T) {
	t.Parallel()
	const posters, each = 4, 30
	w := newWaitingWorld(t, worldOptions{})
	defer w.end()
	w.do(t, "PUT", "/api/inbox/groups/g", `{"types":["a.*"]}`).want(t, 200, nil)
	answers := make(chan reply, 100)
	for range 12 {
		w.poll(t, answers, "group=g&limit=2&lease_seconds=300")
	}
	var posting sync.WaitGroup
	for range posters {
		posting.Go(func() {
			for i := range each {
				w.create(t, []string{"a.b", "x.y"}[i%2], "s", "{}")
			}
		})
	}
	seen := 0
	for seen < posters*each/2 { // it ends only if nothing is left
		r := <-answers
		seen += strings.Count(string(r.body), `"lease":`)
		w.poll(t, answers, "group=g&limit=2&lease_seconds=300")
	}
	posting.Wait()
	w.notifier.asleep(12)
	if left := w.lease(t, "group=g&lease_seconds=30"); seen != posters*each/2 || len(left) != 0 {
		t.Errorf("%d were handed out, %d left", seen, len(left))
	}
}

// G15: a revoked key ends what waits with it, at once, and it is handed nothing.
func TestARevokedKeyEndsWhatWaits(t *testing.T) {
	t.Parallel()
	w := newWaitingWorld(t, worldOptions{})
	defer w.end()
	revoked, id := w.newKey(t, auth.DefaultTenant, auth.ScopeRead, auth.ScopeWrite)
	answers := make(chan reply, 10)
	queries := []string{"lease_seconds=30", "after=0", ""}
	for _, query := range queries {
		w.poll(t, answers, query, as(revoked)...)
	}
	w.notifier.asleep(len(queries))
	if err := w.store.RevokeKey(t.Context(), auth.DefaultTenant, id); err != nil {
		t.Fatal(err)
	}
	w.auth.Recheck(t.Context())
	for range queries {
		r := <-answers
		r.refused(t, 401, apier.CodeUnauthorized)
	}
	w.do(t, "GET", "/api/inbox", "", as(revoked)...).refused(t, 401, apier.CodeUnauthorized) // nor is it remembered

	revoked, id = w.newKey(t, auth.DefaultTenant, auth.ScopeRead, auth.ScopeWrite)
	for _, query := range queries {
		w.poll(t, answers, query, as(revoked)...)
	}
	w.notifier.asleep(len(queries))
	if err := w.store.RevokeKey(t.Context(), auth.DefaultTenant, id); err != nil {
		t.Fatal(err)
	}
	r := w.create(t, "a.b", "s", "{}") // before anybody has looked at the key
	for range queries {
		answer := <-answers
		answer.refused(t, 401, apier.CodeUnauthorized)
	}
	if left := w.lease(t, "lease_seconds=30"); len(left) != 1 || left[0].ID != r.ID || left[0].Lease.Deliveries != 1 {
		t.Errorf("the event was handed out before: %+v", left)
	}
}
