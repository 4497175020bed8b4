package api

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// A searchWalk goes through the log from the newest event to the oldest, in slices that take some tenths of a second each.
type searchWalk struct {
	tenant apier.TenantID
	filter store.Filter // StartingAfter moves on with each page
	whole  bool         // in one read
	seq    apier.Seq    // at which it began
	below  apier.Seq    // everything from here on was looked at
	size   apier.Seq    // of the next slice
}

// Bounds on a slice.
const (
	firstSlice = 4096 // seqs
	leastSlice = 256
	mostSlice  = 1 << 24
	quickSlice = 50 * time.Millisecond  // the next may be twice as large
	slowSlice  = 200 * time.Millisecond // the next is half as large
)

// beginSearch begins a walk. A filter without a search, and the search for an id that exists, need no slices.
func (a *API) beginSearch(ctx context.Context, tenant apier.TenantID, filter store.Filter) (*searchWalk, error) {
	w := &searchWalk{tenant: tenant, filter: filter, size: firstSlice, whole: filter.Search == ""}
	id := apier.EventID(strings.ToLower(filter.Search))
	if _, isID := apier.ParseEventID(string(id)); isID && !w.whole {
		_, err := a.store.Event(ctx, tenant, id)
		w.whole = err == nil
	}
	if w.whole {
		return w, nil
	}
	head, err := a.store.Head(ctx, tenant)
	w.seq, w.below = head, head+1
	return w, err
}

// next returns the next page. With an error it returns what it has found before.
func (w *searchWalk) next(ctx context.Context, a *API) (page store.Page, err error) {
	if w.whole {
		page, err = a.store.List(ctx, w.tenant, w.filter)
		w.moveOn(page)
		return page, err
	}
	page.Seq = w.seq
	for limit := w.filter.Limit; w.below > 1; {
		f := w.filter
		f.Limit = max(limit-len(page.Events), 1) // one more tells whether there are more
		f.FromSeq, f.BelowSeq = max(w.below-w.size, 1), w.below
		slice, took, err := a.slice(ctx, w.tenant, f)
		if err != nil {
			w.moveOn(page)
			return page, err
		}
		if len(page.Events) == limit && len(slice.Events) > 0 {
			page.HasMore = true
			break
		}
		page.Events = append(page.Events, slice.Events...)
		if page.HasMore = slice.HasMore; page.HasMore {
			break
		}
		w.below = f.FromSeq
		if page.HasMore = w.below > 1 && payloadBytes(page.Events) >= int64(cmp.Or(w.filter.MaxBytes, pageBytes)); page.HasMore {
			break
		}
		w.adapt(took)
	}
	w.moveOn(page)
	return page, nil
}

func (w *searchWalk) moveOn(page store.Page) {
	if n := len(page.Events); n > 0 {
		w.filter.StartingAfter = page.Events[n-1].ID
	}
}

func (w *searchWalk) adapt(took time.Duration) {
	switch {
	case took < quickSlice:
		w.size = min(w.size*2, mostSlice)
	case took > slowSlice:
		w.size = max(w.size/2, leastSlice)
	}
}

// slice reads one slice of a search, which waits for its place.
func (a *API) slice(ctx context.Context, tenant apier.TenantID, filter store.Filter) (page store.Page, took time.Duration, err error) {
	release, err := a.takeSearch(ctx, tenant)
	if err != nil {
		return page, 0, err
	}
	defer release()
	began := time.Now()
	page, err = a.store.List(ctx, tenant, filter)
	return page, time.Since(began), err
}
