package api

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/store"
)

// modelInbox is an inbox of one tenant, in memory. Between its steps other goroutines get their turn.
type modelInbox struct {
	notifier *InboxNotifier
	pauses   atomic.Int64

	mu     sync.Mutex
	types  []string // of the events; the seq of each is its place, from 1
	groups map[string]*modelGroup
}

type modelGroup struct {
	glob   string
	passed apier.Seq             // the group has looked at everything up to there
	open   map[apier.Seq]float64 // when it is due again
}

// pause takes a time that differs from call to call, so that others have theirs in between.
func (m *modelInbox) pause() {
	time.Sleep(time.Duration(m.pauses.Add(7)%5) * time.Millisecond)
}

func (m *modelInbox) now() float64 { return float64(time.Now().UnixMilli()) }

func (m *modelInbox) post(types ...string) {
	m.mu.Lock()
	var changes []apier.Change
	for _, name := range types {
		m.types = append(m.types, name)
		e := apier.Event{Type: name, Status: apier.StatusPending, Payload: []byte("{}"), Seq: apier.Seq(len(m.types))}
		changes = append(changes, apier.Change{Tenant: auth.DefaultTenant, Kind: apier.Created, Event: e})
	}
	m.mu.Unlock()
	m.pause()
	m.notifier.Notify([]apier.Commit{{Tenant: auth.DefaultTenant, Changes: changes}})
}

func (m *modelInbox) put(name, glob string) {
	m.mu.Lock()
	if g := m.groups[name]; g != nil {
		g.glob = glob
	}
	m.mu.Unlock()
	m.pause()
	m.notifier.Notify([]apier.Commit{{Tenant: auth.DefaultTenant, InboxReady: true}})
}

func (m *modelInbox) drop(name string) {
	m.mu.Lock()
	delete(m.groups, name)
	m.mu.Unlock()
	m.pause()
	m.notifier.Notify([]apier.Commit{{Tenant: auth.DefaultTenant, InboxReady: true}})
}

// due returns what a lease would hand out of what was handed out before, and when the next is due.
func (g *modelGroup) due(now float64) (due []apier.Seq, next float64) {
	for seq, at := range g.open {
		if at <= now {
			due = append(due, seq)
		} else if next == 0 || at < next {
			next = at
		}
	}
	return due, next
}

func (m *modelInbox) readiness(name string, after apier.Seq) (r store.Readiness) {
	m.mu.Lock()
	defer m.mu.Unlock()
	g := m.groups[name]
	if g == nil {
		return store.Readiness{Ready: true}
	}
	filter, _ := apier.ParseFilter(nil)
	r.Wants = &store.Wants{Types: []string{g.glob}, Filter: filter}
	due, next := g.due(m.now())
	r.Ready, r.NextDue = len(due) > 0, apier.Timestamp(next)
	r.Upto = max(after, g.passed)
	for r.Upto < apier.Seq(len(m.types)) && !r.Ready {
		if r.Ready = apier.MatchGlob(g.glob, m.types[r.Upto]); !r.Ready {
			r.Upto++
			r.Looked++
		}
	}
	return r
}

func (m *modelInbox) take(name string, limit int) (found bool, next apier.Timestamp) {
	m.pause()
	m.mu.Lock()
	defer func() {
		m.mu.Unlock()
		if found {
			m.notifier.dueAt(auth.DefaultTenant, name, apier.Timestamp(m.now()+5000), apier.Timestamp(m.now()))
		}
	}()
	g := m.groups[name]
	if g == nil {
		g = &modelGroup{glob: "a", passed: apier.Seq(len(m.types)), open: map[apier.Seq]float64{}}
		m.groups[name] = g
	}
	due, at := g.due(m.now())
	for g.passed < apier.Seq(len(m.types)) && len(due) < limit {
		if g.passed++; apier.MatchGlob(g.glob, m.types[g.passed-1]) {
			due = append(due, g.passed)
		}
	}
	for _, seq := range due {
		g.open[seq] = m.now() + 5000
	}
	return len(due) > 0, apier.Timestamp(at)
}

// modelWaiter is one waiting request.
type modelWaiter struct {
	after apier.Seq // of one that follows
	kind  lineKind
	group string
	ended bool
	leave context.CancelFunc
}

func (m *modelInbox) pull(w *modelWaiter, limit int) pull {
	p := pull{line: lineKey{w.kind, w.group}}
	if w.kind == lineOfFollow {
		p.look = func(context.Context, apier.Seq) (store.Readiness, error) {
			defer m.pause()
			m.mu.Lock()
			defer m.mu.Unlock()
			return store.Readiness{Ready: apier.Seq(len(m.types)) > w.after}, nil
		}
		return p
	}
	p.look = func(_ context.Context, seen apier.Seq) (store.Readiness, error) {
		return m.readiness(w.group, seen), nil
	}
	p.take = func(context.Context) (bool, apier.Timestamp, error) {
		found, next := m.take(w.group, limit)
		return found, next, nil
	}
	return p
}

// settle lets all come to rest, which they have to do in time.
func (m *modelInbox) settle() (fault string) {
	for range 1000 {
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if m.notifier.quiet() {
			return ""
		}
	}
	return "somebody is awake for ever; "
}

func (m *modelInbox) head() apier.Seq {
	m.mu.Lock()
	defer m.mu.Unlock()
	return apier.Seq(len(m.types))
}

// modelStep is one step of a walk.
type modelStep struct {
	kind rune
	n    int
}

// check says where somebody sleeps although there is something for it.
func (m *modelInbox) check(waiters []*modelWaiter) (fault string) {
	for i, w := range waiters {
		switch {
		case w.ended:
		case w.kind == lineOfFollow && apier.Seq(len(m.types)) > w.after:
			fault += fmt.Sprintf("waiter %d sleeps after %d, and there are %d; ", i, w.after, len(m.types))
		case w.kind == lineOfLease && m.readiness(w.group, 0).Ready:
			fault += fmt.Sprintf("waiter %d of the group %q sleeps, and there is something for it; ", i, w.group)
		}
	}
	return fault
}

// Whatever is posted, changed, deleted, leased and left, no event stays where somebody sleeps who waits for it.
func TestNobodySleepsOverAnEvent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) modelStep {
			return modelStep{rapid.SampledFrom([]rune("eeelfpppmPdqrr")).Draw(t, "step"), rapid.IntRange(0, 9).Draw(t, "n")}
		}), 1, 40).Draw(rt, "steps")
		fault := ""
		synctest.Test(t, func(t *testing.T) { fault = walkModel(t, steps) })
		if fault != "" {
			rt.Fatal(fault)
		}
	})
}

func walkModel(t *testing.T, steps []modelStep) (fault string) {
	m := &modelInbox{notifier: NewInboxNotifier(), groups: map[string]*modelGroup{}}
	a := &API{notifier: m.notifier, auth: auth.New(nil, []byte(secret), auth.Options{}), opt: Options{Now: time.Now, MaxWaiting: 100, MaxWaitingPerTenant: 100}}
	var waiters []*modelWaiter
	var running sync.WaitGroup
	enter := func(w *modelWaiter, limit int) {
		ctx, leave := context.WithCancel(t.Context())
		w.leave = leave
		waiters = append(waiters, w)
		c := &call{r: httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil), id: auth.Identity{Tenant: auth.DefaultTenant}}
		running.Go(func() {
			_ = a.wait(c, 30*time.Second, m.pull(w, limit)) // ends without an error, or by leave
			w.ended = true
		})
	}
	for _, step := range steps {
		n := step.n
		time.Sleep(time.Duration(n%3) * time.Millisecond)
		switch step.kind {
		case 'e':
			enter(&modelWaiter{kind: lineOfLease, group: "g" + strconv.Itoa(n%2)}, 1+n%3)
		case 'f':
			enter(&modelWaiter{kind: lineOfFollow, after: m.head()}, 1)
		case 'p':
			m.post([]string{"a", "b"}[n%2])
		case 'm':
			m.post("a", "b", "a", "c", "a")
		case 'P':
			m.put("g"+strconv.Itoa(n%2), []string{"a", "b", "*"}[n%3])
		case 'd':
			m.drop("g0")
		case 'l':
			if len(waiters) > 0 {
				waiters[n%len(waiters)].leave()
			}
		case 'q':
			m.take("g"+strconv.Itoa(n%2), 1) // by somebody who does not wait
		case 'r': // all comes to rest, and time passes
			fault += m.settle() + m.check(waiters)
			time.Sleep(time.Duration(n) * time.Second)
		}
	}
	fault += m.settle() + m.check(waiters)
	m.notifier.Close()
	running.Wait()
	for _, w := range waiters {
		w.leave()
	}
	if waiting, _ := m.notifier.Waiting(); waiting != 0 || len(m.notifier.tenants) != 0 {
		fault += fmt.Sprintf("%d requests wait when all are gone", waiting)
	}
	return fault
}
