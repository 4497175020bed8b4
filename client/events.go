package client

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/apier/apier"
)

// EventFilter says which events are listed. The zero value is all.
type EventFilter struct {
	Status        apier.Status
	Types         []string  // any of them, up to 20; * stands for any run of characters
	Source        string    // the whole of it
	Search        string    // in id, type, source and payload
	CreatedAfter  time.Time // and not at it; zero: no bound
	CreatedBefore time.Time // likewise
}

func (f EventFilter) query() url.Values {
	q := url.Values{}
	setText(q, "status", string(f.Status))
	setText(q, "type", strings.Join(f.Types, ","))
	setText(q, "source", f.Source)
	setText(q, "search", f.Search)
	setTime(q, "created_after", f.CreatedAfter)
	setTime(q, "created_before", f.CreatedBefore)
	return q
}

func setText(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

func setTime(q url.Values, name string, t time.Time) {
	if !t.IsZero() {
		q.Set(name, t.UTC().Format(time.RFC3339Nano))
	}
}

func setNumber(q url.Values, name string, n int64) {
	if n != 0 {
		q.Set(name, strconv.FormatInt(n, 10))
	}
}

// EventPage is one page of a list. An event with a PayloadProblem was left out in part, or could not be read.
type EventPage struct {
	Events  []apier.Event `json:"events"`
	HasMore bool          `json:"has_more"` // after the last of Events
	Seq     apier.Seq     `json:"seq"`      // of the change log, when the page was read: a Change above it is newer
}

const pageSize = 100

// ListPage gives up to limit events (0: 50, at most 100), newest first, after the one with the id after
// ("": from the newest).
func (c *Client) ListPage(ctx context.Context, f EventFilter, after apier.EventID, limit int) (EventPage, error) {
	var page EventPage
	q := f.query()
	setText(q, "starting_after", string(after))
	setNumber(q, "limit", int64(limit))
	err := c.do(ctx, request{method: http.MethodGet, path: "/api/events", query: q}, &page)
	return page, err
}

// List walks over all events that match, newest first, page by page: what is created meanwhile does not come, what is
// deleted meanwhile may. An error is the last thing it yields. Each range over it begins anew.
func (c *Client) List(ctx context.Context, f EventFilter) iter.Seq2[apier.Event, error] {
	return func(yield func(apier.Event, error) bool) {
		limit := pageSize
		pages(func(after apier.EventID) ([]apier.Event, bool, error) {
			page, err := c.ListPage(ctx, f, after, limit)
			for isTooLarge(err) && limit > 1 { // payloads may be as big as the server lets them
				limit /= 2
				page, err = c.ListPage(ctx, f, after, limit)
			}
			return page.Events, page.HasMore, err
		}, func(e apier.Event) apier.EventID { return e.ID })(yield)
	}
}

func isTooLarge(err error) bool {
	var e *apier.Error
	return errors.As(err, &e) && e.Code == apier.CodeTooLarge
}

// pages walks over the items of a list whose pages follow each other by the id of the last item.
func pages[T any, ID ~string](page func(after ID) ([]T, bool, error), id func(T) ID) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var after ID
		for {
			items, more, err := page(after)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
				after = id(item)
			}
			if !more || len(items) == 0 {
				return
			}
		}
	}
}

// Get gives one event, its whole payload included.
func (c *Client) Get(ctx context.Context, id apier.EventID) (apier.Event, error) {
	var e apier.Event
	err := c.do(ctx, request{method: http.MethodGet, path: "/api/events/{id}", id: string(id)}, &e)
	return e, err
}

// Delete takes one event away, payload and all; its deliveries are canceled. Deleting it again is [apier.CodeNotFound].
func (c *Client) Delete(ctx context.Context, id apier.EventID) error {
	return c.do(ctx, request{method: http.MethodDelete, path: "/api/events/{id}", id: string(id), done: http.StatusNotFound}, nil)
}
