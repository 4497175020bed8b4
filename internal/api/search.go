package api

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// searches bounds the reads that go event by event, whose work grows with the log: a few at once, so that whatever
// people search for, the reads of everybody else never wait behind them.
type searches struct {
	places  chan struct{}
	timeout time.Duration
}

func newSearches(most int, timeout time.Duration) searches {
	if most <= 0 {
		most = 2
	}
	if timeout <= 0 {
		timeout = 10 * time.Second
	}
	return searches{make(chan struct{}, most), timeout}
}

// overdueSearch is how much longer than its timeout a search holds its place at most.
const overdueSearch = 5 * time.Second

// take waits for a place, and returns how to give it back. A search that does not end loses its place and is told of.
func (s searches) take(ctx context.Context, overdue func(held time.Duration)) (release func(), err error) {
	select {
	case s.places <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	free := sync.OnceFunc(func() { <-s.places })
	watchdog := time.AfterFunc(s.timeout+overdueSearch, func() {
		overdue(s.timeout + overdueSearch)
		free()
	})
	return func() { watchdog.Stop(); free() }, nil
}

// list gives a page of events. A search has to end in time.
func (a *API) list(c *call, filter store.Filter) (store.Page, error) {
	if filter.Search == "" {
		return a.find(c.ctx(), c.id.Tenant, filter)
	}
	ctx, cancel := context.WithTimeout(c.ctx(), a.searches.timeout)
	defer cancel()
	page, err := a.find(ctx, c.id.Tenant, filter)
	if err != nil && ctx.Err() != nil && c.ctx().Err() == nil {
		return page, badQuery([]apier.FieldError{{Field: "search", Reason: fmt.Sprintf(
			"found no whole page within %v (--search-timeout); narrow it by type, source or created_after, or search for a whole id", a.searches.timeout)}})
	}
	return page, err
}

// takeSearch waits for the place of a search, and returns how to give it back.
func (a *API) takeSearch(ctx context.Context, tenant apier.TenantID) (release func(), err error) {
	return a.searches.take(ctx, func(held time.Duration) {
		a.opt.Log.Warn("api: a search does not end; its place is free again", "tenant", tenant, "held", held)
	})
}

// find gives a page of events; a search waits for its place.
func (a *API) find(ctx context.Context, tenant apier.TenantID, filter store.Filter) (store.Page, error) {
	if filter.Search != "" {
		release, err := a.takeSearch(ctx, tenant)
		if err != nil {
			return store.Page{}, err
		}
		defer release()
	}
	return a.store.List(ctx, tenant, filter)
}
