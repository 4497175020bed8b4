package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/store"
)

const (
	maxPull         = 1000 // events in one lease or one page of the cursor
	maxWaitSeconds  = 30
	maxLeaseSeconds = 12 * 3600
	maxDelaySeconds = 7 * 24 * 3600
)

// listInbox answers GET /api/inbox, in one of three ways: a list of pending events that changes nothing, a
// lease (lease_seconds), or the events after a place (after).
func (a *API) listInbox(c *call) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	switch {
	case q.Has("lease_seconds"):
		return a.leaseInbox(c, q)
	case q.Has("after"):
		return a.followInbox(c, q)
	}
	faults := unknownParameters(q, []string{"limit", "order", "wait_seconds", "lease_seconds", "group", "after"})
	filter := store.Filter{Status: apier.StatusPending, Inbox: true, OldestFirst: true}
	filter.Limit, faults = readLimit(q, faults)
	wait, faults := readSeconds(q, "wait_seconds", 0, maxWaitSeconds, faults)
	switch q.Get("order") {
	case "", "asc":
	case "desc":
		filter.OldestFirst = false
	default:
		faults = append(faults, apier.FieldError{Field: "order", Reason: "must be asc or desc"})
	}
	if q.Has("group") {
		faults = append(faults, apier.FieldError{Field: "group", Reason: "goes with lease_seconds: a group leases what it gets"})
	}
	if len(faults) > 0 {
		return badQuery(faults)
	}
	var page store.Page
	err = a.wait(c, wait, pull{line: lineKey{kind: lineOfList}, look: func(ctx context.Context, _ apier.Seq) (r store.Readiness, err error) {
		err = a.listed(ctx, c, filter, func() (_ []apier.Event, err error) {
			page, err = a.store.List(ctx, c.id.Tenant, filter)
			return page.Events, err
		})
		r.Ready = len(page.Events) > 0
		return r, err
	}})
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, appendEvents(nil, page.Events))
	return nil
}

// leaseInbox hands out events: an array, each with its lease.
func (a *API) leaseInbox(c *call, q url.Values) error {
	if c.r.Method == http.MethodHead { // which the route of GET takes too
		c.w.Header().Set("Allow", http.MethodGet)
		return apier.Errorf(apier.CodeMethodNotAllowed, "HEAD must change nothing, and a lease does; use GET.")
	}
	if !c.id.Can(auth.ScopeWrite) {
		return apier.Errorf(apier.CodeForbidden, "The credential lacks the scope %s, which leasing needs.", auth.ScopeWrite)
	}
	faults := unknownParameters(q, []string{"lease_seconds", "limit", "group", "wait_seconds"})
	r := store.LeaseRequest{Holder: store.Holder{Group: q.Get("group"), Subject: c.id.Subject}}
	if q.Has("group") {
		faults = append(faults, groupNameFault("group", r.Group)...)
	}
	r.For, faults = readSeconds(q, "lease_seconds", 1, maxLeaseSeconds, faults)
	r.Limit, faults = readPull(q, faults)
	wait, faults := readSeconds(q, "wait_seconds", 0, maxWaitSeconds, faults)
	if len(faults) > 0 {
		return badQuery(faults)
	}
	if err := c.changes(); err != nil { // before events are handed out that no answer could carry
		return err
	}
	leased, err := a.lease(c, r, wait)
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, appendLeased(nil, leased))
	return nil
}

// lease looks first, and goes to the writer only for what it has found.
func (a *API) lease(c *call, r store.LeaseRequest, wait time.Duration) (leased []store.Leased, err error) {
	var backlog store.Backlog
	look := func(ctx context.Context, seen apier.Seq) (store.Readiness, error) {
		found, err := a.store.Readiness(ctx, c.id.Tenant, r.Group, seen)
		backlog = found.Backlog
		return found, err
	}
	take := func(ctx context.Context) (bool, apier.Timestamp, error) {
		leases := store.Leases{More: true}
		for leases.More {
			var err error
			if leases, err = a.store.Lease(ctx, c.id.Tenant, r); err != nil {
				return false, 0, err
			}
		}
		leased, backlog = leases.Leased, leases.Backlog
		return len(leased) > 0, leases.NextDue, nil
	}
	err = a.wait(c, wait, pull{line: lineKey{kind: lineOfLease, group: r.Group}, look: look, take: take})
	if err == nil && len(leased) > 0 {
		a.notifier.dueAt(c.id.Tenant, r.Group, leased[0].Lease.Until, apier.TimestampOf(a.opt.Now()))
	}
	if backlog.Bound > 0 && backlog.Full() {
		c.w.Header().Set(headerInboxFull, fmt.Sprintf("open=%d, bound=%d", backlog.Open, backlog.Bound))
	}
	return leased, err
}

// headerInboxFull says that a group hands out only what is due again, since so many of its events are not acknowledged.
const headerInboxFull = "Apier-Inbox-Full"

// appendLeased appends the events as they are listed, each with one more field.
func appendLeased(dst []byte, leased []store.Leased) []byte {
	dst = append(dst, '[')
	for i := range leased {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = leased[i].Event.AppendJSON(dst)
		dst = append(dst[:len(dst)-1], `,"lease":`...)
		dst = append(appendLease(dst, leased[i].Lease), '}')
	}
	return append(dst, ']')
}

func appendLease(dst []byte, l store.Lease) []byte {
	dst = append(append(dst, `{"id":"`...), l.ID...)
	dst = l.Until.AppendJSON(append(dst, `","until":`...))
	dst = strconv.AppendInt(append(dst, `,"deliveries":`...), int64(l.Deliveries), 10)
	return append(dst, '}')
}

func readPull(q url.Values, faults []apier.FieldError) (int, []apier.FieldError) {
	n, faults := readNumber(q, "limit", 1, maxPull, faults)
	if n == 0 {
		n = defaultLimit
	}
	return n, faults
}

func readSeconds(q url.Values, name string, low, high int, faults []apier.FieldError) (time.Duration, []apier.FieldError) {
	n, faults := readNumber(q, name, low, high, faults)
	return time.Duration(n) * time.Second, faults
}

// readNumber reads a whole number; 0 where there is none.
func readNumber(q url.Values, name string, low, high int, faults []apier.FieldError) (int, []apier.FieldError) {
	if !q.Has(name) {
		return 0, faults
	}
	n, err := strconv.Atoi(q.Get(name))
	if err != nil || n < low || n > high {
		return 0, append(faults, apier.FieldError{Field: name, Reason: "must be a whole number from " + strconv.Itoa(low) + " to " + strconv.Itoa(high)})
	}
	return n, faults
}
