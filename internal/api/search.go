package api

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/fair"
	"github.com/apier/apier/internal/store"
)

// searches bounds the reads that go event by event, whose work grows with the log: a few at once, so that whatever
// people search for, the reads of everybody else never wait behind them.
//
// A search is cut into short reads. Each waits for its place, and tenants take turns, so that the long search of one is
// not in the way of another's.
type searches struct {
	places  *fair.Slots[apier.TenantID]
	timeout time.Duration
}

func newSearches(most int, timeout time.Duration) searches {
	if most <= 0 {
		most = 2
	}
	if timeout <= 0 {
		timeout = 10 * time.Second
	}
	return searches{fair.NewSlots[apier.TenantID](most, false), timeout}
}

// overdueSearch is how much longer than its timeout a search holds its place at most.
const overdueSearch = 5 * time.Second

// take waits for a place, and returns how to give it back. A search that does not end loses its place and is told of.
func (s searches) take(ctx context.Context, tenant apier.TenantID, overdue func(held time.Duration)) (release func(), err error) {
	if err := s.places.Acquire(ctx, tenant); err != nil {
		return nil, err
	}
	free := sync.OnceFunc(func() { s.places.Release(tenant) })
	watchdog := time.AfterFunc(s.timeout+overdueSearch, func() {
		overdue(s.timeout + overdueSearch)
		free()
	})
	return func() { watchdog.Stop(); free() }, nil
}

// list gives a page of events. A search has to end in time.
func (a *API) list(c *call, q url.Values, filter store.Filter) (store.Page, error) {
	if filter.Search == "" {
		page, err := a.store.List(c.ctx(), c.id.Tenant, filter)
		return page, a.tooSlow(q, err)
	}
	ctx, cancel := context.WithTimeout(c.ctx(), a.searches.timeout)
	defer cancel()
	var page store.Page
	walk, err := a.beginSearch(ctx, c.id.Tenant, filter)
	if err == nil {
		page, err = walk.next(ctx, a)
	}
	switch {
	case err == nil || ctx.Err() == nil || c.ctx().Err() != nil:
		return page, a.tooSlow(q, err)
	case len(page.Events) > 0: // the next page goes on from there
		page.HasMore = true
		return page, nil
	}
	return page, badQuery([]apier.FieldError{{Field: "search", Reason: fmt.Sprintf(
		"found nothing within %v (--search-timeout); narrow it by type, source or created_after, or search for a whole id", a.searches.timeout)}})
}

// tooSlow names the parameters of a read that took too long.
func (a *API) tooSlow(q url.Values, err error) error {
	if !errors.Is(err, store.ErrReadTimeout) {
		return err
	}
	var faults []apier.FieldError
	for _, name := range []string{"search", "type", "source", "status", "error_kind", "event", "user"} {
		if q.Get(name) != "" {
			faults = append(faults, apier.FieldError{Field: name, Reason: "found no whole page in the time of a read (--read-timeout); narrow it, by created_after for example, or ask for fewer (limit)"})
		}
	}
	if len(faults) == 0 {
		return err
	}
	return badQuery(faults)
}

// takeSearch waits for the place of a search, and returns how to give it back.
func (a *API) takeSearch(ctx context.Context, tenant apier.TenantID) (release func(), err error) {
	return a.searches.take(ctx, tenant, func(held time.Duration) {
		a.opt.Log.Warn("api: a search does not end; its place is free again", "tenant", tenant, "held", held)
	})
}
