package api

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/store"
)

// endless is a store whose searches never end by themselves.
type endless struct {
	store.Store
	begun chan struct{}
}

func (e endless) List(ctx context.Context, tenant apier.TenantID, filter store.Filter) (store.Page, error) {
	if filter.Search != "" {
		e.begun <- struct{}{}
		<-ctx.Done()
		return store.Page{}, ctx.Err()
	}
	return e.Store.List(ctx, tenant, filter)
}

// A search that does not end is ended, and says what to do about it.
func TestASearchEndsInTime(t *testing.T) {
	t.Parallel()
	slow := endless{begun: make(chan struct{}, 10)}
	w := newWorld(t, worldOptions{api: Options{SearchTimeout: time.Millisecond}, wrap: func(s store.Store) store.Store { slow.Store = s; return slow }})
	w.create(t, "a.b", "s", "{}")
	p := w.do(t, "GET", "/api/events?search=x", "").refused(t, 422, apier.CodeInvalid)
	if len(p.Errors) != 1 || p.Errors[0].Field != "search" || !strings.Contains(p.Errors[0].Reason, "within 1ms (--search-timeout); narrow it by type, source or created_after") {
		t.Errorf("got %+v", p)
	}
	w.do(t, "GET", "/api/events", "").want(t, 200, nil)
}

// Two searches run at once and others wait for them; whoever does not search waits for nobody.
func TestSearchesLeaveRoomForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := endless{begun: make(chan struct{}, 10), Store: nothing{}}
		a := &API{store: slow, searches: newSearches(0, 0)}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 3)
		for range 3 {
			go func() {
				_, _, err := a.slice(ctx, auth.DefaultTenant, store.Filter{Search: "x"})
				ended <- err
			}()
		}
		synctest.Wait()
		if n := len(slow.begun); n != 2 {
			t.Errorf("%d searches run at once", n)
		}
		if _, err := a.store.List(ctx, auth.DefaultTenant, store.Filter{}); err != nil {
			t.Error(err)
		}
		cancel()
		for range 3 {
			if err := <-ended; err == nil {
				t.Error("a search that was canceled found something")
			}
		}
	})
}

// nothing is a store without events.
type nothing struct{ store.Store }

func (nothing) List(context.Context, apier.TenantID, store.Filter) (store.Page, error) {
	return store.Page{}, nil
}

// A search that ignores its time keeps no place from the others, and is told of once.
func TestASearchThatDoesNotEndLosesItsPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSearches(1, time.Second)
		told := 0
		release, err := s.take(t.Context(), auth.DefaultTenant, func(time.Duration) { told++ })
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		next, err := s.take(t.Context(), auth.DefaultTenant, func(time.Duration) { told++ })
		if err != nil || time.Since(began) != time.Second+overdueSearch || told != 1 {
			t.Errorf("after %v, told of %d times: %v", time.Since(began), told, err)
		}
		release() // at last; the place is another's now
		next()
		if s.places.Held() != 0 || told != 1 {
			t.Errorf("%d places are held, told of %d times", s.places.Held(), told)
		}
	})
}

// However small the slices, a search finds what one read would find, page by page.
func TestASearchInSlicesFindsAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	for i := range 40 {
		w.create(t, "a.b", "s", []string{`{"x":"needle"}`, `{"x":"hay"}`, `{}`}[i%3])
	}
	a := New(w.store, w.auth, Options{})
	for limit := 1; limit <= 15; limit++ {
		whole := store.Filter{Search: "needle", Limit: limit}
		walk := &searchWalk{tenant: auth.DefaultTenant, filter: whole, seq: w.seq(t), below: w.seq(t) + 1, size: apier.Seq(limit)}
		for more := true; more; {
			want, err := w.store.List(t.Context(), auth.DefaultTenant, whole)
			if err != nil {
				t.Fatal(err)
			}
			got, err := walk.next(t.Context(), a)
			if err != nil || len(got.Events) != len(want.Events) || got.HasMore != want.HasMore || got.Seq != want.Seq {
				t.Fatalf("limit %d: %d events, more %v; want %d, %v; %v", limit, len(got.Events), got.HasMore, len(want.Events), want.HasMore, err)
			}
			for i := range got.Events {
				if got.Events[i].ID != want.Events[i].ID {
					t.Fatalf("limit %d: place %d is another event", limit, i)
				}
			}
			if more = got.HasMore; more {
				whole.StartingAfter = want.Events[len(want.Events)-1].ID
			}
			walk.size = apier.Seq(limit) // it has grown
		}
	}
	var events []eventBody
	w.do(t, "GET", "/api/events/export?search=needle", "").want(t, 200, &events)
	if len(events) != 14 {
		t.Errorf("an export has %d events", len(events))
	}
}

// inTurn is a store whose reads end when they are told to.
type inTurn struct {
	store.Store
	began chan apier.TenantID
	end   chan struct{}
}

func (s inTurn) List(_ context.Context, tenant apier.TenantID, _ store.Filter) (store.Page, error) {
	s.began <- tenant
	<-s.end
	return store.Page{}, nil
}

// G10: where one tenant has eight searches under way, another's waits for two of their slices at most.
func TestTenantsTakeTurnsInSearching(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := inTurn{began: make(chan apier.TenantID, 20), end: make(chan struct{})}
		a := &API{store: s, searches: newSearches(1, 0)}
		for _, tenant := range []apier.TenantID{"greedy", "greedy", "greedy", "greedy", "greedy", "greedy", "greedy", "greedy", "modest"} {
			go func() { _, _, _ = a.slice(t.Context(), tenant, store.Filter{Search: "x"}) }()
			synctest.Wait()
		}
		var order []apier.TenantID
		for range 9 {
			order = append(order, <-s.began)
			s.end <- struct{}{}
		}
		if order[0] != "greedy" || order[1] != "modest" && order[2] != "modest" {
			t.Errorf("they began in the order %v", order)
		}
	})
}

// A read that takes too long says which parameter to narrow.
func TestASlowReadNamesItsParameter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{store: store.Options{ReadTimeout: time.Nanosecond}})
	for path, field := range map[string]string{
		"/api/events?type=a*": "type", "/api/events?source=s": "source", "/api/events/export?type=a": "type",
		"/api/events?status=failed": "status", "/api/webhooks/logs?event=e": "event",
	} {
		p := w.do(t, "GET", path, "", as(w.admin)...).refused(t, 422, apier.CodeInvalid)
		if len(p.Errors) != 1 || p.Errors[0].Field != field || !strings.Contains(p.Errors[0].Reason, "--read-timeout") {
			t.Errorf("%s: %+v", path, p)
		}
	}
	if p := w.do(t, "GET", "/api/events", "").refused(t, 503, apier.CodeUnavailable); !strings.Contains(p.Detail, "--read-timeout") {
		t.Error(p.Detail)
	}
}
