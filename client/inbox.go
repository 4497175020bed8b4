package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/apier/apier"
)

// Pending gives the oldest events that wait, up to limit (0: 50, at most 100), and leaves them where they are.
func (c *Client) Pending(ctx context.Context, limit int) ([]apier.Event, error) {
	var items []json.RawMessage
	q := url.Values{}
	setNumber(q, "limit", int64(limit))
	err := c.do(ctx, request{method: http.MethodGet, path: "/api/inbox", query: q}, &items)
	return eventsOf(items), err
}

// CreatedPage is one page of the events in the order of their creation.
type CreatedPage struct {
	Events  []apier.Event `json:"events"`
	Next    apier.Seq     `json:"next"`     // the place after them; Cursor names it better
	Cursor  string        `json:"cursor"`   // likewise, with the run of the server in which it was told
	HasMore bool          `json:"has_more"` // after the last of Events
}

// ListCreated gives up to limit events (0: 50, at most 1000) that were created after a place, oldest first, whatever
// their status; 0 is the beginning. Where there are none yet it waits for one, in whole seconds, at most 30. The reader
// keeps its place, CreatedPage.Next; one that is ahead of the server, as after an older database was put back, is
// [apier.CodeInvalid]. Once the new history has overtaken it nobody can tell: ListCreatedFrom can.
func (c *Client) ListCreated(ctx context.Context, after apier.Seq, limit int, wait time.Duration) (CreatedPage, error) {
	return c.ListCreatedFrom(ctx, strconv.FormatInt(int64(after), 10), limit, wait)
}

// ListCreatedFrom is ListCreated after a CreatedPage.Cursor; "" is the beginning. A cursor of a history that an older
// database has replaced is [apier.CodeConflict]: the events after it may be others. Read again from the beginning then.
func (c *Client) ListCreatedFrom(ctx context.Context, cursor string, limit int, wait time.Duration) (CreatedPage, error) {
	var page CreatedPage
	if cursor == "" {
		cursor = "0"
	}
	q := url.Values{"after": {cursor}}
	setNumber(q, "limit", int64(limit))
	setNumber(q, "wait_seconds", seconds(wait))
	err := c.do(ctx, request{method: http.MethodGet, path: "/api/inbox", query: q, wait: wait}, &page)
	return page, err
}

// Lease is one hand-out of an event: until it ends, nobody else is given the event.
type Lease struct {
	ID         string          `json:"id"`
	Until      apier.Timestamp `json:"until"`
	Deliveries int             `json:"deliveries"` // hand-outs so far, this one included
}

// Leased is an event that is ours for a while. Its JSON is that of the event, with lease and group.
type Leased struct {
	apier.Event
	Lease Lease
	Group string // it was leased for; "": the inbox itself
}

// leasedData is what the JSON of a Leased has besides the event.
type leasedData struct {
	Lease Lease  `json:"lease"`
	Group string `json:"group,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (l Leased) MarshalJSON() ([]byte, error) {
	event, err := l.Event.MarshalJSON()
	if err != nil {
		return nil, err
	}
	more, err := json.Marshal(leasedData{l.Lease, l.Group})
	return append(append(event[:len(event)-1], ','), more[1:]...), err
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *Leased) UnmarshalJSON(b []byte) error {
	var d leasedData
	if err := json.Unmarshal(b, &d); err != nil {
		return err
	}
	l.Event, l.Lease, l.Group = eventOf(b), d.Lease, d.Group
	return nil
}

// LeaseOptions say what is taken out of the inbox. Parts of a second count as a whole one.
type LeaseOptions struct {
	Limit int           // at most 1000. Default: 50
	For   time.Duration // at most 12 h. Default: 30 s
	Wait  time.Duration // for events, if there are none; at most 30 s. Default: not at all
	// Group is a group of consumers. It gets every event that it wants (PutGroup), whatever becomes of it elsewhere; one
	// that is not there yet is made, and gets what is created from then on. Default: the inbox itself.
	Group string
}

const defaultLease = 30 * time.Second

// Lease takes events out of the inbox, oldest first; each is nobody else's until its lease ends. End it
// with AckLeased, AckLeasedBatch or Nack, or let it pass: then the event is handed out again. None, and no error, is what it gives
// where there is nothing. A try again after a lost answer may leave events leased to nobody until their lease ends.
func (c *Client) Lease(ctx context.Context, o LeaseOptions) ([]Leased, error) {
	if o.For == 0 {
		o.For = defaultLease
	}
	q := url.Values{}
	setNumber(q, "limit", int64(o.Limit))
	setNumber(q, "lease_seconds", seconds(o.For))
	setNumber(q, "wait_seconds", seconds(o.Wait))
	setText(q, "group", o.Group)
	var leased []Leased
	err := c.do(ctx, request{method: http.MethodGet, path: "/api/inbox", query: q, wait: o.Wait}, &leased)
	for i := range leased {
		leased[i].Group = o.Group
	}
	return leased, err
}

func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

type leaseRef struct {
	LeaseID string `json:"lease_id,omitempty"`
	Group   string `json:"group,omitempty"`
}

func (l Leased) ref() leaseRef { return leaseRef{LeaseID: l.Lease.ID, Group: l.Group} }

// Ack acknowledges an event without a lease: it is delivered. Acknowledging twice changes nothing.
func (c *Client) Ack(ctx context.Context, id apier.EventID) (apier.Event, error) {
	var e apier.Event
	err := c.do(ctx, inboxRequest(id, "ack", nil), &e)
	return e, err
}

// AckLeased acknowledges an event that is leased. [apier.CodeConflict]: the lease ended, and the event was
// handed out again. Acknowledging twice changes nothing.
func (c *Client) AckLeased(ctx context.Context, l Leased) (apier.Event, error) {
	var e apier.Event
	err := c.do(ctx, inboxRequest(l.ID, "ack", l.ref()), &e)
	return e, err
}

// AckFailure is an event that was not acknowledged, and why.
type AckFailure struct {
	ID  apier.EventID
	Err *apier.Error
}

// AckBatch acknowledges up to 1000 events as Ack does, each on its own, and gives those that could not be.
func (c *Client) AckBatch(ctx context.Context, ids []apier.EventID) ([]AckFailure, error) {
	return c.ackMany(ctx, ackBody{IDs: ids}, len(ids))
}

// AckLeasedBatch acknowledges up to 1000 leased events of one group as AckLeased does, each on its own, and gives those
// that could not be.
func (c *Client) AckLeasedBatch(ctx context.Context, leased []Leased) ([]AckFailure, error) {
	var body ackBody
	for _, l := range leased {
		if body.Group = leased[0].Group; l.Group != body.Group {
			return nil, apier.Errorf(apier.CodeInvalid, "The events were leased for the groups %q and %q: acknowledge those of one group at a time. Nothing was sent.", body.Group, l.Group)
		}
		body.Acks = append(body.Acks, ackRef{l.ID, l.Lease.ID})
	}
	return c.ackMany(ctx, body, len(leased))
}

type ackBody struct {
	IDs   []apier.EventID `json:"ids,omitempty"`
	Acks  []ackRef        `json:"acks,omitempty"`
	Group string          `json:"group,omitempty"`
}

type ackRef struct {
	ID      apier.EventID `json:"id"`
	LeaseID string        `json:"lease_id"`
}

func (c *Client) ackMany(ctx context.Context, body ackBody, n int) ([]AckFailure, error) {
	if n == 0 {
		return nil, nil
	}
	var answer struct {
		Failed []struct {
			ID     apier.EventID `json:"id"`
			Code   apier.Code    `json:"code"`
			Detail string        `json:"detail"`
		} `json:"failed"`
	}
	err := c.do(ctx, request{method: http.MethodPost, path: "/api/inbox/ack", body: body}, &answer)
	var failures []AckFailure
	for _, f := range answer.Failed {
		failures = append(failures, AckFailure{f.ID, &apier.Error{Code: f.Code, Message: f.Detail}})
	}
	return failures, err
}

// Nack gives a leased event back, to be handed out again after delay, in whole seconds; 0: at once.
func (c *Client) Nack(ctx context.Context, l Leased, delay time.Duration) error {
	body := struct {
		leaseRef
		Delay int64 `json:"delay_seconds"`
	}{l.ref(), seconds(delay)}
	r := inboxRequest(l.ID, "nack", body)
	r.done = http.StatusConflict // the event is somebody else's by now
	return c.do(ctx, r, nil)
}

// Extend makes a lease last for so long from now, in whole seconds, at most 12 h, and gives it as it then is.
func (c *Client) Extend(ctx context.Context, l Leased, lasting time.Duration) (Lease, error) {
	body := struct {
		leaseRef
		Seconds int64 `json:"lease_seconds"`
	}{l.ref(), seconds(lasting)}
	var lease Lease
	err := c.do(ctx, inboxRequest(l.ID, "extend", body), &lease)
	return lease, err
}

func inboxRequest(id apier.EventID, verb string, body any) request {
	return request{method: http.MethodPost, path: "/api/inbox/{id}/" + verb, id: string(id), body: body}
}
