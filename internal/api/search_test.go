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
				_, err := a.find(ctx, auth.DefaultTenant, store.Filter{Search: "x"})
				ended <- err
			}()
		}
		synctest.Wait()
		if n := len(slow.begun); n != 2 {
			t.Errorf("%d searches run at once", n)
		}
		if _, err := a.find(ctx, auth.DefaultTenant, store.Filter{}); err != nil {
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
		release, err := s.take(t.Context(), func(time.Duration) { told++ })
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		next, err := s.take(t.Context(), func(time.Duration) { told++ })
		if err != nil || time.Since(began) != time.Second+overdueSearch || told != 1 {
			t.Errorf("after %v, told of %d times: %v", time.Since(began), told, err)
		}
		release() // at last; the place is another's now
		next()
		if len(s.places) != 0 || told != 1 {
			t.Errorf("%d places are held, told of %d times", len(s.places), told)
		}
	})
}
